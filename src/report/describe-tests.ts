/** How every rendering describes tests: numbers in words, their order, their locations and causes. */
import type { Failure, TestCase, TestCounts } from '../core/outcome.ts';
import { firstLineOf } from './inert-text.ts';

/** `1 test`, `2 tests`, `12,000 tests`. */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

function pad(part: number): string {
  return String(part).padStart(2, '0');
}

/** `4 ms`, `0.12 s`, `12.3 s`, `4 min 05 s`, `1 h 02 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes} min ${pad(whole % 60)} s`
    : `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** `190 passed, 3 failed, 1 error, 6 skipped, 2 flaky`; zero counts are left out. */
export function formatCounts(counts: TestCounts): string {
  const { quarantined = 0 } = counts;
  const skipped = counts.skipped - quarantined;
  const parts = [
    counts.passed > 0 ? `${counts.passed.toLocaleString('en-US')} passed` : '',
    counts.failed > 0 ? `${counts.failed.toLocaleString('en-US')} failed` : '',
    counts.errors > 0 ? formatCount(counts.errors, 'error') : '',
    skipped > 0 ? `${skipped.toLocaleString('en-US')} skipped` : '',
    quarantined > 0 ? `${quarantined.toLocaleString('en-US')} failed in quarantine` : '',
    counts.flaky > 0 ? `${counts.flaky.toLocaleString('en-US')} flaky` : '',
    counts.reconstructed > 0 ? `${counts.reconstructed.toLocaleString('en-US')} reconstructed` : '',
    counts.notRun !== undefined && counts.notRun > 0 ? `${counts.notRun.toLocaleString('en-US')} not run` : '',
  ];
  return parts.filter(Boolean).join(', ') || 'no tests';
}

function isRed(test: TestCase): boolean {
  return test.status === 'failed' || test.status === 'error';
}

export function isFlaky(test: TestCase): boolean {
  return test.status === 'passed' && (test.flakyRuns ?? 0) > 0;
}

/** `failed, then passed alone in a fresh pod: …`, with what that says of the test; empty for a test that ran once. */
export function formatRetries({ retries, inOrder }: Pick<TestCase, 'retries' | 'inOrder'>): string {
  if (retries === undefined) return '';
  const failed = retries.filter((outcome) => outcome === 'failed').length;
  if (retries.includes('passed')) {
    const again = failed === 0 ? 'failed' : `failed ${failed + 1} times`;
    const alone = `${again}, then passed alone in a fresh pod`;
    // It failed alone, too: no test before it is needed for that.
    if (failed > 0) return `${alone}: flaky`;
    switch (inOrder) {
      case 'failed':
        return `${alone}, and failed again after the tests that ran before it: polluted by one of them`;
      case 'passed':
        return `${alone}, and after the tests that ran before it: flaky`;
      case 'first':
        return `${alone}, and no test had run before it in its pod: flaky`;
      case undefined:
        return `${alone}: flaky, or polluted by a test that ran before it`;
    }
  }
  if (failed === 0) return 'could not be run again';
  return `failed again alone in a fresh pod${failed > 1 ? `, ${failed} times` : ''}`;
}

/** Whether it failed at first, independent of its final outcome. */
export function failedAtFirst(test: TestCase): boolean {
  return isRed(test) || isFlaky(test) || test.quarantine?.failed === true || test.retries !== undefined;
}

/** Tests that failed in quarantine. */
export function quarantinedTests(tests: readonly TestCase[]): TestCase[] {
  return tests.filter(({ quarantine }) => quarantine?.failed === true);
}

/** `in quarantine until 2026-12-31 (team-orders): races with the broker`; empty for any other test. */
export function formatQuarantine({ quarantine }: Pick<TestCase, 'quarantine'>): string {
  if (quarantine === undefined) return '';
  const { reason, owner, expires } = quarantine;
  return `in quarantine until ${expires} (${owner}): ${reason}`;
}

/** A reason up to this length fits on one line; of a longer one the middle is left out. */
const maxReasonChars = 260;

/** The reason of a failure for the first line: its beginning names what failed, and errors name their cause at the end. */
export function shortReason(reason: string): string {
  if (reason.length <= maxReasonChars) return reason;
  // Cut between words, as far as there are any.
  const head = reason.slice(0, maxReasonChars / 2).replace(/(?<=.{60})\s\S*$/s, '');
  const tail = reason.slice(-maxReasonChars / 2).replace(/^\S*\s(?=.{60})/s, '');
  return `${head} … ${tail}`;
}

/** Whether it was running when the run died. */
export function wasInFlight(test: TestCase): boolean {
  return test.status === 'error' && test.reconstructed === true;
}

/**
 * Failed tests in the order in which a reader needs them: first what was running when the run died (it names the cause), then
 * the others in their order, since the first failure is often the reason of those after it.
 */
export function failedTests(tests: readonly TestCase[]): TestCase[] {
  const red = tests.filter(isRed);
  return [...red.filter(wasInFlight), ...red.filter((test) => !wasInFlight(test))];
}

/** Names of the failed tests, in their order; of those that share a name, each with its suite. */
export function nameFailedTests(tests: readonly TestCase[]): string[] {
  const red = tests.filter(isRed);
  const counts = new Map<string, number>();
  for (const { name } of red) counts.set(name, (counts.get(name) ?? 0) + 1);
  return red.map(({ name, suite }) => ((counts.get(name) ?? 0) > 1 && suite !== '' ? `${name} (${suite})` : name));
}

/** The slowest tests, slowest first. */
export function slowestTests(tests: readonly TestCase[], count: number): TestCase[] {
  return tests
    .filter(({ seconds }) => seconds > 0)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, count);
}

/** `tests/test_orders.py:9`, or nothing. */
export function placeOf({ file, line }: TestCase): string {
  if (file === undefined) return '';
  return line === undefined ? file : `${file}:${line}`;
}

/** Facts about a test beside its outcome: `needs: cube, postgres · owner: data`; empty when there are none. */
export function formatProperties({ properties = [] }: TestCase): string {
  const byName = Map.groupBy(properties, ({ name }) => name);
  return [...byName].map(([name, all]) => `${name}: ${all.map(({ value }) => value).join(', ')}`).join(' · ');
}

/** The message of a failed test, on one line. */
export function causeOf(test: TestCase, maxChars = 200): string {
  // pytest's message for a file that it could not import; the reason is only in the trace.
  const why = test.message === 'collection failure' ? /^E {3}(\S.*)$/m.exec(test.details)?.[1] : undefined;
  return firstLineOf(why ?? (test.message || test.details), maxChars);
}

/**
 * The proof of a failure that needs one: where failed tests are listed, they are the proof. A reason too long for a first line
 * is complete here.
 */
export function evidenceOf(failure: Failure, tests: readonly TestCase[]): string[] {
  if (failure.kind === 'test' && failedTests(tests).length > 0) return [];
  return failure.reason.length > maxReasonChars ? [failure.reason, ...failure.evidence] : failure.evidence;
}
