/** What happened to the platform while the tests ran, beside the tests that failed, in order of time. */
import type { TestCase } from '../core/outcome.ts';
import type { ReportedIncident } from '../core/report-model.ts';
import { failedAtFirst, formatCount } from './describe-tests.ts';
import { toPlainLine } from './inert-text.ts';

/** A test that fails later than this after an incident is not attributed to it. */
const windowSeconds = 30;
/** Kubernetes records times in whole seconds: a test may seem to fail a moment before the event that made it fail. */
const slackSeconds = 1;

/** An incident, and the tests that failed while it happened or shortly after. */
export interface IncidentStory {
  incident: ReportedIncident;
  /** In the order in which they ended. */
  failed: TestCase[];
  /** From the incident to the end of the last of them. */
  withinSeconds: number;
}

/**
 * Incidents in the order of time. A failed test is reported once, with the last incident before its end that was not long over
 * when the test began.
 */
export function describeIncidents(incidents: readonly ReportedIncident[], tests: readonly TestCase[]): IncidentStory[] {
  const stories: IncidentStory[] = [...incidents]
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
    .map((incident) => ({ incident, failed: [], withinSeconds: 0 }));
  const ended = tests
    .filter(failedAtFirst)
    .map((test) => ({ test, at: Date.parse(test.endedAt ?? '') / 1000 }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((a, b) => a.at - b.at);
  for (const { test, at } of ended) {
    const isCause = ({ incident }: IncidentStory, slack: number) => {
      const happened = Date.parse(incident.at) / 1000;
      // A test that was running at the time may end long after, in a timeout of its own.
      const isOver = incident.lasts !== true && at - Math.min(test.seconds, at) > happened + windowSeconds;
      return at >= happened - slack && !isOver;
    };
    const cause = stories.findLast((one) => isCause(one, 0)) ?? stories.findLast((one) => isCause(one, slackSeconds));
    if (cause === undefined) continue;
    cause.failed.push(test);
    cause.withinSeconds = Math.max(cause.withinSeconds, at - Date.parse(cause.incident.at) / 1000);
  }
  return stories;
}

/** `floe-postgresql-0 restarted (OOMKilled)`: who and what, as plain text. */
export function nameIncident({ pod, container, what }: ReportedIncident): string {
  const who = container === '' || container === pod ? pod : `${pod}/${container}`;
  return toPlainLine(`${who} ${what}`, 200);
}

/** ` and was not back when the tests ended`, where that is so. */
export function aftermathOf({ lasts, wasBefore }: ReportedIncident): string {
  return lasts === true && wasBefore !== true ? ' and was not back when the tests ended' : '';
}

/**
 * The suffix that Kubernetes adds to the name of a Deployment, and of a Job: its random letters are no vowels, nor 0, 1 and 3.
 */
const podSuffix = /(-[bcdf0-9]{6,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}$/;

/** The same for a first line: `polaris restarted` of the pod `polaris-75f8ddc69d-2pnkv`. */
export function nameIncidentShortly(incident: ReportedIncident): string {
  const pod = incident.pod.replace(podSuffix, '');
  return nameIncident({ ...incident, pod, container: incident.container === pod ? '' : incident.container });
}

/** `3 tests failed within 4 s`, or nothing. */
export function nameVictims(stories: IncidentStory): string {
  if (stories.failed.length === 0) return '';
  const verb = `${formatCount(stories.failed.length, 'test')} failed`;
  return stories.incident.wasBefore === true ? verb : `${verb} ${within(stories)}`;
}

/** `within 4 s`. */
export function within({ withinSeconds }: IncidentStory): string {
  return `within ${Math.max(1, Math.ceil(withinSeconds))} s`;
}

/** `12:04:31` of an ISO time, in the time zone it is written in; any other text is unchanged. */
export function timeOfDay(at: string): string {
  return /T(\d\d:\d\d:\d\d)/.exec(at)?.[1] ?? at;
}
