import { must } from '../core/must.ts';
import { placeOfNodeId, pytestWords } from './pytest-names.ts';
import { ReconstructedTests } from './reconstructed-tests.ts';

const word = Object.keys(pytestWords).join('|');
/** The text at the right margin: `[ 10%]`, `[ 3/40]`, `1.20s`, by console_output_style. */
const margin = '(?:\\s+(?:\\[[^\\]]{1,16}\\]|[\\d.]{1,10}m?s))?\\s*$';
/** Path of a file, `::`, and the rest. */
const nodeLine = /^[^\s:[\]]+\.[A-Za-z0-9]{1,10}::\S/;
const workerResult = new RegExp(`^\\[gw\\d+\\](?:\\s+\\[[^\\]]{1,16}\\])?\\s+(${word})\\s+(\\S+::.*?)\\s*$`);
const resultWord = new RegExp(`\\s(${word})(?=\\s|$)`, 'g');
const afterResult = new RegExp(`^(?:\\s+\\(.*)?${margin}`);
/** The result of a test whose name is on an earlier line, after the output of the test. */
const lateResult = new RegExp(
  `(?:^|[^A-Za-z_])(${word})(?:\\s+\\(.*\\))?\\s+\\[[^\\]]{1,16}\\]\\s*$|^(${word})(?:\\s+\\(.*\\))?\\s*$`,
);
const gluedResult = new RegExp(`(${word})\\s+\\[\\s*\\d+%\\]\\s*$`);
const collected = /^(?:collecting \.\.\. )?collected (\d+) items?(.*)$/;
const workersCollected = /^\d+ workers? \[(\d+) items?\]/;
const eachWorkerCollected = /^gw0 \[(\d+)\](?: \/ gw\d+ \[\d+\])*/;
const rule = /^=+ (.+?) =+$/;
const summaryLine = /^(FAILED|ERROR) (\S+::.*)$/;

/**
 * Reads the verbose output of pytest (`-v`, also of xdist's workers) line by line. What tests print between may look like
 * anything: a result counts only in the part of a session in which pytest prints results.
 */
export class PytestLog {
  readonly tests = new ReconstructedTests();
  #part: 'none' | 'results' | 'details' | 'summary' = 'none';
  #isDistributed = false;
  /** The test whose name is on the last line of its own; without xdist there is one at a time. */
  #pending: string | undefined;

  /** Whether a session began that has not ended. */
  get isUnfinished(): boolean {
    return this.#part === 'results';
  }

  push(line: string): void {
    if (line.startsWith('=')) {
      const title = rule.exec(line)?.[1];
      if (title !== undefined) this.#enter(title);
      return;
    }
    if (this.#part === 'summary') this.#explain(line);
    else if (this.#part === 'results') this.#readResult(line);
  }

  #enter(title: string): void {
    if (title === 'test session starts') {
      this.#part = 'results';
      this.#isDistributed = false;
      this.#forgetPending();
    } else if (this.#part === 'none') return;
    else if (title === 'short test summary info') this.#part = 'summary';
    else if (/^(FAILURES|ERRORS|warnings summary|PASSES|XFAILURES|slowest .*)$/.test(title)) this.#part = 'details';
    else if (/ in [\d.:]+ ?m?s\b/.test(title)) this.#part = 'none';
  }

  #readResult(line: string): void {
    const worker = line.startsWith('[gw') ? workerResult.exec(line) : null;
    if (worker !== null) {
      this.#isDistributed = true;
      this.#end(worker[2] ?? '', worker[1] ?? '');
      return;
    }
    if (nodeLine.test(line)) {
      const found = splitResult(line);
      if (found !== undefined) this.#end(found.id, found.word);
      else {
        this.#begin(this.#isDistributed ? line.trim() : idBefore(line));
        this.#endPending(gluedResult.exec(line)?.[1]);
      }
      return;
    }
    const late = lateResult.exec(line) ?? gluedResult.exec(line);
    if (!this.#endPending(late?.[1] ?? late?.[2])) this.#readCollected(line);
  }

  #endPending(said: string | undefined): boolean {
    if (said === undefined || this.#pending === undefined || this.#isDistributed) return false;
    this.#end(this.#pending, said);
    return true;
  }

  #readCollected(line: string): void {
    const match = collected.exec(line);
    if (match !== null) {
      const selected = / (\d+) selected/.exec(match[2] ?? '')?.[1];
      const deselected = / (\d+) deselected/.exec(match[2] ?? '')?.[1];
      this.tests.expectCount(selected === undefined ? Number(match[1]) - Number(deselected ?? 0) : Number(selected));
      return;
    }
    const workers = workersCollected.exec(line) ?? eachWorkerCollected.exec(line);
    if (workers === null) return;
    this.#isDistributed = true;
    this.tests.expectCount(Number(workers[1]));
  }

  #begin(id: string): void {
    if (!this.#isDistributed) this.#forgetPending();
    // After something else was printed, pytest writes the name of a test once more.
    if (this.tests.hasEnded(id)) return;
    this.#pending = id;
    this.tests.begin(id, placeOfNodeId(id));
  }

  /** Another test begins where one runs at a time: the last one ended, and its result was lost in what it printed. */
  #forgetPending(): void {
    if (this.#pending !== undefined) this.tests.forget(this.#pending);
    this.#pending = undefined;
  }

  #end(id: string, said: string): void {
    if (this.#pending === id) this.#pending = undefined;
    else if (!this.#isDistributed) this.#forgetPending();
    const status = must(pytestWords[said], `a status for ${said}`);
    if (status === 'rerun') this.tests.endForRerun(id);
    else this.tests.end(id, placeOfNodeId(id), { status });
  }

  /** `FAILED tests/test_a.py::test_b[x - y] - AssertionError: …` of the summary. */
  #explain(line: string): void {
    const text = summaryLine.exec(line)?.[2];
    if (text === undefined) return;
    for (let at = text.indexOf(' - '); at !== -1; at = text.indexOf(' - ', at + 1)) {
      if (!this.tests.hasEnded(text.slice(0, at))) continue;
      this.tests.explain(text.slice(0, at), text.slice(at + 3));
      return;
    }
  }
}

/** Id and result of a line that holds both. Parameters may hold blanks and words of pytest; their bracket closes the id. */
function splitResult(line: string): { id: string; word: string } | undefined {
  resultWord.lastIndex = 0;
  for (let match = resultWord.exec(line); match !== null; match = resultWord.exec(line)) {
    const id = line.slice(0, match.index).trimEnd();
    if (isWholeId(id) && afterResult.test(line.slice(match.index + match[0].length)))
      return { id, word: match[1] ?? '' };
  }
  return undefined;
}

function isWholeId(id: string): boolean {
  const bracket = id.indexOf('[');
  return bracket === -1 ? !/\s/.test(id) : id.endsWith(']');
}

/** The id at the beginning of a line that continues with output of the test. */
function idBefore(line: string): string {
  const bracket = line.indexOf('[');
  const blank = line.indexOf(' ');
  if (bracket === -1 || (blank !== -1 && blank < bracket)) return blank === -1 ? line : line.slice(0, blank);
  const close = /\](?=\s|$)/g;
  close.lastIndex = bracket;
  const end = close.exec(line);
  return end === null ? line.trimEnd() : line.slice(0, end.index + 1);
}
