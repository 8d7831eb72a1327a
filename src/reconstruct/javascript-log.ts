import { must } from '../core/must.ts';
import { ReconstructedTests } from './reconstructed-tests.ts';

/** jest: a file and how it ended, then its tests, indented under their `describe`s. */
const jestFile = /^\s?(PASS|FAIL)\s+(?:\S+ › )?(\S+\.[cm]?[jt]sx?)(?: \([\d.]+ m?s\))?\s*$/;
const jestTest = /^(\s+)([✓✔√✕✗×]|○(?: skipped)?|✎(?: todo)?) (.*?)(?: \((\d+(?:\.\d+)?) (ms|s|m)\))?\s*$/;
const jestGroup = /^(\s+)(\S.*?)\s*$/;
const jestDetails = /^ {2}● (.+ › .+|[^›]+?)\s*$/;
/** vitest: a test on one line with its file and the names around it. */
const vitestTest =
  /^\s*([✓√×✗↓□]) (?:\|[^|]{1,60}\| )?(\S+\.[cm]?[jt]sx?) > (.+?)(?: (\d+(?:\.\d+)?)(ms|s))?(?: \((?:retry|repeat) x(\d+)\))?(?: \[(?:skipped|todo)[^\]]*\])?\s*$/;
const vitestMessage = /^\s*→ (.+)$/;

const statuses: Record<string, 'passed' | 'failed' | 'skipped'> = {
  '✓': 'passed',
  '✔': 'passed',
  '√': 'passed',
  '✕': 'failed',
  '✗': 'failed',
  '×': 'failed',
  '○': 'skipped',
  '✎': 'skipped',
  '↓': 'skipped',
  '□': 'skipped',
};
const unitSeconds: Record<string, number> = { ms: 0.001, s: 1, m: 60 };
const maxDetailsChars = 16_000;

function statusOf(mark: string): 'passed' | 'failed' | 'skipped' {
  return must(statuses[mark], `a status for ${mark}`);
}

function secondsOf(time: string | undefined, unit: string | undefined): number {
  return time === undefined ? 0 : Number(time) * (unitSeconds[unit ?? ''] ?? 0);
}

/**
 * Reads the output of `jest --verbose` and `vitest --reporter=verbose` line by line. Both print a test when it has ended (jest:
 * when its file has), so none is known to be in flight.
 */
export class JavaScriptLog {
  readonly tests = new ReconstructedTests();
  /** The jest file whose tests are being printed. */
  #file: string | undefined;
  #groups: { indent: number; name: string }[] = [];
  #lastId: string | undefined;
  #explained: { id: string; text: string } | undefined;

  push(line: string): void {
    const vitest = vitestTest.exec(line);
    if (vitest !== null) {
      this.#endExplanation();
      const [, mark = '', file = '', names = '', time, unit, retries] = vitest;
      const parts = names.split(' > ');
      const name = parts.pop() ?? '';
      const id = `${file}\u0000${names}`;
      const failedRuns = statuses[mark] === 'passed' ? Math.min(Number(retries ?? 0), 1000) : 0;
      for (let i = 0; i < failedRuns; i++) this.tests.endForRerun(id);
      this.tests.end(
        id,
        { suite: file, classname: parts.join(' > '), name, file },
        { status: statusOf(mark), seconds: secondsOf(time, unit) },
      );
      this.#lastId = id;
      return;
    }
    const message = vitestMessage.exec(line);
    if (message !== null && this.#lastId !== undefined) {
      this.tests.explain(this.#lastId, message[1] ?? '');
      return;
    }
    this.#readJest(line);
  }

  /** To be called once, at the end of the log. */
  finish(): void {
    this.#endExplanation();
  }

  #readJest(line: string): void {
    const file = jestFile.exec(line);
    if (file !== null) {
      this.#endExplanation();
      this.#file = file[2] ?? '';
      this.#groups = [];
      return;
    }
    if (this.#file === undefined) return;
    const details = jestDetails.exec(line);
    if (details !== null) {
      this.#endExplanation();
      this.#explained = { id: `${this.#file}\u0000${details[1] ?? ''}`, text: '' };
      return;
    }
    if (this.#explained !== undefined) {
      if (this.#explained.text.length < maxDetailsChars) this.#explained.text += `${line}\n`;
      return;
    }
    const test = jestTest.exec(line);
    if (test !== null) {
      const [, indent = '', mark = '', name = '', time, unit] = test;
      const around = this.#groups.filter((group) => group.indent < indent.length).map((group) => group.name);
      this.tests.end(
        `${this.#file}\u0000${[...around, name].join(' › ')}`,
        { suite: this.#file, classname: around.join(' › '), name, file: this.#file },
        { status: statusOf(mark.charAt(0)), seconds: secondsOf(time, unit) },
      );
      return;
    }
    const group = jestGroup.exec(line);
    if (group === null) return;
    const indent = (group[1] ?? '').length;
    this.#groups = this.#groups.filter((one) => one.indent < indent);
    // Deeper than any suite is: lines of output, not of names.
    if (this.#groups.length < 20) this.#groups.push({ indent, name: (group[2] ?? '').slice(0, 1000) });
  }

  #endExplanation(): void {
    if (this.#explained === undefined) return;
    const { id, text } = this.#explained;
    this.#explained = undefined;
    const details = text.trimEnd().replace(/^\n+/, '');
    this.tests.explain(id, /\S.*/.exec(details)?.[0].trim() ?? '', details);
  }
}
