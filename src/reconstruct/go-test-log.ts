import { ReconstructedTests } from './reconstructed-tests.ts';

const event = /^\s*(?:=== (RUN|PAUSE|CONT|NAME)\s+(\S.*?)|--- (PASS|FAIL|SKIP): (\S.*?) \(([\d.]+)s\))\s*$/;
/** `ok`, `FAIL` and their like, with the package. */
const packageEnd = /^(ok|FAIL|---|\?) {0,3}\t(\S+)(?:\t|\s|$)/;
const statuses = { PASS: 'passed', FAIL: 'failed', SKIP: 'skipped' } as const;
const maxOutputChars = 16_000;

interface GoEvent {
  Action?: unknown;
  Package?: unknown;
  Test?: unknown;
  Elapsed?: unknown;
  Output?: unknown;
  Time?: unknown;
}

/** A test that runs or has ended in a package that has not: only its end names the package. */
interface GoTest {
  name: string;
  isPaused: boolean;
  output: string;
  end?: { status: 'passed' | 'failed' | 'skipped'; seconds: number };
}

/** Reads the output of `go test -v` and of `go test -json` line by line. Subtests are tests, as in gotestsum's reports. */
export class GoTestLog {
  readonly tests = new ReconstructedTests();
  #running = new Map<string, GoTest>();
  #current: GoTest | undefined;
  /** Output of tests that are reported as JSON, by id. */
  readonly #outputs = new Map<string, string>();

  push(line: string): void {
    if (line.startsWith('{"') && line.includes('"Action":')) {
      this.#readJson(line);
      return;
    }
    const match = event.exec(line);
    if (match !== null) {
      if (match[1] !== undefined) this.#follow(match[1], match[2] ?? '');
      else this.#end(match[3] as keyof typeof statuses, match[4] ?? '', Number(match[5]));
      return;
    }
    const ended = packageEnd.exec(line);
    if (ended !== null && this.#running.size > 0) this.#endPackage(ended[2] ?? '');
    else if (this.#current !== undefined) this.#current.output = append(this.#current.output, line);
  }

  /** Reports unfinished tests as in flight; call it once, at the end of the log. */
  finish(): void {
    this.#tell('');
  }

  #follow(what: string, name: string): void {
    if (what === 'RUN') this.#running.set(name, { name, isPaused: false, output: '' });
    const test = this.#running.get(name);
    if (test !== undefined && what === 'PAUSE') test.isPaused = true;
    this.#current = what === 'PAUSE' ? undefined : test;
  }

  #end(word: keyof typeof statuses, name: string, seconds: number): void {
    let test = this.#running.get(name);
    if (test === undefined) {
      test = { name, isPaused: false, output: '' };
      this.#running.set(name, test);
    }
    test.end = { status: statuses[word], seconds };
    this.#current = test;
  }

  /** The package ended (a panic, a time-out of go's own) while tests ran: these and the tests around them failed. */
  #endPackage(name: string): void {
    const tests = [...this.#running.values()];
    for (const test of tests.filter((one) => one.end === undefined && isInFlight(one, tests)))
      for (const one of tests)
        if (test.name === one.name || test.name.startsWith(`${one.name}/`))
          one.end ??= { status: 'failed', seconds: 0 };
    this.#tell(name);
  }

  #tell(packageName: string): void {
    const tests = [...this.#running.values()];
    for (const test of tests) {
      const id = `${packageName}\u0000${test.name}`;
      const place = { suite: packageName || 'go test', classname: packageName, name: test.name };
      if (test.end !== undefined) {
        const isFailure = test.end.status === 'failed';
        const details = isFailure || test.end.status === 'skipped' ? test.output.trim() : '';
        this.tests.end(id, place, { ...test.end, message: firstLine(details), details: isFailure ? details : '' });
      } else if (packageName === '' && isInFlight(test, tests)) this.tests.begin(id, place);
    }
    this.#running = new Map();
    this.#current = undefined;
  }

  #readJson(line: string): void {
    let said: GoEvent;
    try {
      said = JSON.parse(line) as GoEvent;
    } catch {
      return;
    }
    if (typeof said.Test !== 'string' || typeof said.Action !== 'string') return;
    const packageName = typeof said.Package === 'string' ? said.Package : '';
    const id = `${packageName}\u0000${said.Test}`;
    const place = { suite: packageName || 'go test', classname: packageName, name: said.Test };
    const time = typeof said.Time === 'string' && !Number.isNaN(Date.parse(said.Time)) ? said.Time : undefined;
    const at = time === undefined ? undefined : new Date(time).toISOString();
    if (said.Action === 'run') this.tests.begin(id, place, at);
    else if (said.Action === 'output' && typeof said.Output === 'string') {
      if (!event.test(said.Output.trimEnd()))
        this.#outputs.set(id, append(this.#outputs.get(id) ?? '', said.Output.replace(/\n$/, '')));
    } else if (said.Action === 'pass' || said.Action === 'fail' || said.Action === 'skip') {
      const status = ({ pass: 'passed', fail: 'failed', skip: 'skipped' } as const)[said.Action];
      const output = (this.#outputs.get(id) ?? '').trim();
      this.#outputs.delete(id);
      this.tests.end(id, place, {
        status,
        seconds: typeof said.Elapsed === 'number' ? said.Elapsed : 0,
        ...(at === undefined ? {} : { endedAt: at }),
        message: status === 'passed' ? '' : firstLine(output),
        details: status === 'failed' ? output : '',
      });
    }
  }
}

/**
 * Whether a test without a result was running at the end. Results of subtests are reported when their parent ends, so of
 * sibling tests only the last is known to run, together with those that were paused to run in parallel.
 */
function isInFlight(test: GoTest, all: readonly GoTest[]): boolean {
  const hasOpenChild = all.some((one) => one.end === undefined && one.name.startsWith(`${test.name}/`));
  if (hasOpenChild) return false;
  if (test.isPaused) return true;
  const parent = test.name.slice(0, test.name.lastIndexOf('/') + 1);
  const siblings = all.filter(
    (one) => one.name.startsWith(parent) && !one.name.slice(parent.length).includes('/') && !one.isPaused,
  );
  return siblings.at(-1) === test;
}

function append(output: string, line: string): string {
  return output.length > maxOutputChars ? output : `${output}${line}\n`;
}

function firstLine(text: string): string {
  return /\S.*/.exec(text)?.[0].trim() ?? '';
}
