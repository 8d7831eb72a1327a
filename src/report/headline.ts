/** The first lines of every rendering. */
import type { TestCase, Verdict } from '../core/outcome.ts';
import type { ReportedIncident } from '../core/report-model.ts';
import { failedTests, formatCount, formatCounts, formatDuration, shortReason } from './describe-tests.ts';
import { describeIncidents, nameIncidentShortly, within } from './incident-story.ts';
import { toPlainLine } from './inert-text.ts';

export interface Headline {
  mark: '✓' | '✗' | '■';
  /** The outcome in one or two words: `failed`, `broken: image`. */
  outcome: string;
  /** What happened, as plain text on one line. */
  sentence: string;
}

/** The first line that a reader sees of a run; it alone should show what to do next. */
export function headlineOf(
  verdict: Verdict,
  tests: readonly TestCase[],
  incidents: readonly ReportedIncident[] = [],
): Headline {
  const { outcome, failure, tests: counts } = verdict;
  if (outcome === 'passed') {
    const others = formatCounts({ ...counts, passed: 0 });
    const beside = others === 'no tests' ? '' : ` (${others})`;
    const sentence = `${formatCount(counts.passed, 'test')} passed in ${formatDuration(verdict.durationSeconds)}${beside}`;
    const [first] = incidents;
    const meanwhile =
      first === undefined ? '' : `; meanwhile ${nameIncidentShortly(first)}${andMore(incidents.length)}`;
    return { mark: '✓', outcome: 'passed', sentence: toPlainLine(`${sentence}${meanwhile}`) };
  }
  const mark = outcome === 'cancelled' ? '■' : '✗';
  if (failure?.kind === 'test') {
    const red = failedTests(tests);
    const count = counts.failed + counts.errors;
    const names = red.slice(0, 3).map(({ name }) => toPlainLine(name, 80));
    const rest = count > names.length && names.length > 0 ? ', …' : '';
    const said = `${count.toLocaleString('en-US')} of ${formatCount(counts.total, 'test')} failed`;
    // A failure of kind test without a failed test is a contradiction, and only its reason can explain it.
    if (count === 0) return { mark, outcome, sentence: toPlainLine(failure.reason) };
    const sentence = names.length > 0 ? `${said}: ${names.join(', ')}${rest}` : said;
    return { mark, outcome, sentence: toPlainLine(`${sentence}${nameSuspect(tests, incidents)}`) };
  }
  const kind = failure === null || failure.kind === outcome ? '' : `: ${failure.kind}`;
  return {
    mark,
    outcome: `${outcome}${kind}`,
    sentence: toPlainLine(shortReason(failure?.reason ?? 'no reason is known')),
  };
}

/** The incident closest in time to most failures: more likely their cause than the code under test. */
function nameSuspect(tests: readonly TestCase[], incidents: readonly ReportedIncident[]): string {
  const stories = describeIncidents(incidents, tests).sort((a, b) => b.failed.length - a.failed.length);
  const [worst] = stories;
  if (worst === undefined) return '';
  const red = failedTests(worst.failed).length;
  const name = nameIncidentShortly(worst.incident);
  const isAll = red > 0 && red === failedTests(tests).length;
  if (worst.incident.wasBefore === true) return `; when they began, ${name}${andMore(stories.length)}`;
  if (isAll) return `; ${red === 1 ? '' : 'all '}${within(worst)} after ${name}`;
  return red === 0
    ? `; meanwhile ${name}${andMore(stories.length)}`
    : `; ${red} of them ${within(worst)} after ${name}`;
}

function andMore(count: number): string {
  return count > 1 ? `, and ${formatCount(count - 1, 'more incident')}` : '';
}
