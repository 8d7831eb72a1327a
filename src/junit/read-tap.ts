import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { MalformedReport } from './bounded-xml.ts';
import { type ForeignCase, type ReportSink, sendCase, sendProblem } from './report-sink.ts';
import { replaceForbiddenCharacters } from './report-values.ts';

const maxDetailsChars = 64 * 1024;
const maxLineChars = 16 * 1024;
const maxDepth = 100;
const result = /^(not )?ok\b(?:\s+\d+)?(?:\s+-)?\s*/;
const directiveMark = /(?:^|\s)#\s*(SKIP|TODO)\S*/i;
const plan = /^1\.\.(\d{1,9})(?:\s|$)/;

/**
 * Passes the tests of a TAP report (versions 12 to 14, https://testanything.org) to a sink that takes JUnit. A test with
 * subtests is no test of its own, unless it failed while they passed.
 * @throws MalformedReport for an empty file and one without a plan, whose writer was killed; I/O errors; the signal's reason.
 */
export async function readTap(file: string, sink: ReportSink, signal: AbortSignal | undefined): Promise<void> {
  const reader = new TapReader(sink);
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const line of lines) {
      signal?.throwIfAborted();
      reader.push(replaceForbiddenCharacters(line.slice(0, maxLineChars)));
    }
  } finally {
    lines.close();
  }
  reader.end();
}

class TapReader {
  readonly #sink: ReportSink;
  #line = 0;
  /** Of the subtests that are open, from the outermost. */
  #names: string[] = [];
  /** By depth: tests since the last one of the depth above, and how many of these failed. */
  #inner: { tests: number; failed: number }[] = [];
  #planned: number | undefined;
  #ended: { test: ForeignCase; isFailed: boolean } | undefined;
  /** The indentation of the YAML block that is open. */
  #yaml: string | undefined;
  /** Whether the message of the last test is a text of several lines, of which the first is next. */
  #isMessageNext = false;
  #isAnything = false;

  constructor(sink: ReportSink) {
    this.#sink = sink;
    sink.open('testsuites', {}, 1);
    sink.open('testsuite', { name: 'TAP' }, 1);
  }

  push(line: string): void {
    this.#line++;
    if (line.trim() === '' && this.#yaml === undefined) return;
    this.#isAnything ||= line.trim() !== '';
    if (this.#readYaml(line)) return;
    const indent = line.length - line.replace(/^ +/, '').length;
    const depth = Math.min(Math.floor(indent / 4), maxDepth);
    const text = line.slice(indent);
    const subtest = /^# Subtest: (.+)$/.exec(text);
    const planned = plan.exec(text);
    if (subtest !== null) this.#names = [...this.#names.slice(0, depth), subtest[1] ?? ''];
    else if (planned !== null && depth === 0) this.#planned = Number(planned[1]);
    else if (text.startsWith('Bail out!')) this.#fail(text);
    else if (/^(not )?ok\b/.test(text)) this.#end(text, depth);
  }

  end(): void {
    this.#flush();
    if (!this.#isAnything) throw new MalformedReport('is empty', { code: 'empty' });
    const top = this.#inner[0]?.tests ?? 0;
    if (this.#planned === undefined)
      throw new MalformedReport('is cut off: it holds no plan', { line: this.#line, code: 'cut-off' });
    if (top < this.#planned) this.#fail(`${this.#planned} tests were planned, and ${top} ran`);
    this.#sink.close('testsuite');
    this.#sink.close('testsuites');
  }

  #end(text: string, depth: number): void {
    this.#flush();
    const head = result.exec(text);
    const not = head?.[1];
    const rest = text.slice(head?.[0].length ?? 0);
    const mark = directiveMark.exec(rest);
    const said = (mark === null ? rest : rest.slice(0, mark.index)).trim();
    const directive = mark?.[1]?.toUpperCase() ?? '';
    const reason = mark === null ? '' : rest.slice(mark.index + mark[0].length).trim();
    const within = this.#inner[depth + 1];
    this.#inner = this.#inner.slice(0, depth + 1);
    while (this.#inner.length <= depth) this.#inner.push({ tests: 0, failed: 0 });
    const own = this.#inner[depth] ?? { tests: 0, failed: 0 };
    own.tests++;
    const isTodo = directive === 'TODO';
    const isFailed = not !== undefined && !isTodo;
    if (isFailed) own.failed++;
    // A test with subtests: these are reported already.
    if (within !== undefined && within.tests > 0 && (!isFailed || within.failed > 0)) return;
    const name = said.replace(/^- /, '') || '(unnamed)';
    const test: ForeignCase = { attributes: { name, classname: this.#names.slice(0, depth).join(' > ') } };
    if (directive === 'SKIP' || (isTodo && not !== undefined))
      test.problem = { element: 'skipped', message: reason, type: directive.toLowerCase(), details: '' };
    else if (isFailed) test.problem = { element: 'failure', message: '', type: '', details: '' };
    this.#ended = { test, isFailed };
  }

  /** Whether a line is part of the YAML block that explains the last test. */
  #readYaml(line: string): boolean {
    if (this.#yaml === undefined) {
      const begin = /^( +)---\s*$/.exec(line);
      if (begin === null) return false;
      this.#yaml = begin[1] ?? '';
      return true;
    }
    if (line.startsWith(this.#yaml) && line.slice(this.#yaml.length).trimEnd() === '...') {
      this.#yaml = undefined;
      return true;
    }
    const said = line.slice(this.#yaml.length);
    const test = this.#ended?.test;
    const duration = /^duration_ms: ([\d.]{1,20})$/.exec(said);
    if (duration !== null) {
      if (test !== undefined) test.attributes.time = (Number(duration[1]) / 1000).toFixed(6);
      return true;
    }
    const problem = this.#ended?.isFailed === true ? test?.problem : undefined;
    if (problem === undefined) return true;
    const error = /^(?:error|message): +(\S.*)$/.exec(said)?.[1];
    if (error !== undefined && problem.message === '') {
      this.#isMessageNext = /^[|>][+-]?$/.test(error);
      if (!this.#isMessageNext) problem.message = error.replace(/^(['"])(.*)\1$/, '$2');
    } else if (this.#isMessageNext && said.trim() !== '') {
      this.#isMessageNext = false;
      problem.message = said.trim();
    }
    if (problem.details.length < maxDetailsChars) problem.details += `${said}\n`;
    return true;
  }

  #flush(): void {
    const ended = this.#ended;
    this.#ended = undefined;
    if (ended !== undefined) sendCase(this.#sink, ended.test, this.#line);
  }

  #fail(message: string): void {
    this.#flush();
    sendProblem(this.#sink, { element: 'error', message, type: '', details: '' }, this.#line);
  }
}
