import { type Failure, toOneLine } from '../core/outcome.ts';
import type { ReportedIncident } from '../core/report-model.ts';
import { aftermathOf, type IncidentStory, nameIncident, nameVictims, timeOfDay } from '../report/incident-story.ts';

/** Failures of the tests that a platform which is not well may have caused. */
const explicable: ReadonlySet<string> = new Set(['test', 'timeout', 'report', 'no-tests']);
const namedTests = 5;
const namedAbsences = 3;
const shownIncidents = 20;

/**
 * A failure of the tests with what happened to the platform: as more clauses of its reason, as a hint, and as the first
 * evidence. What was missing from the beginning is always named, since later events may be its consequence. Other failures stay
 * as they are.
 */
export function blameIncidents(failure: Failure, stories: readonly IncidentStory[]): Failure {
  if (stories.length === 0 || !explicable.has(failure.kind)) return failure;
  const [absent, happened] = [true, false].map((wanted) =>
    stories
      .filter(({ incident }) => (incident.wasBefore === true) === wanted)
      .sort((a, b) => b.failed.length - a.failed.length),
  ) as [IncidentStory[], IncidentStory[]];
  const named = absent.slice(0, namedAbsences);
  const clauses =
    named.length === 0 ? [] : [`when they began, ${named.map((one) => nameIncident(one.incident)).join(', ')}`];
  const [worst] = happened;
  if (worst !== undefined && (absent.length === 0 || worst.failed.length > 0)) {
    named.push(worst);
    const { at } = worst.incident;
    clauses.push(`meanwhile ${nameIncident(worst.incident)} at ${timeOfDay(at)} UTC${aftermathOf(worst.incident)}`);
  }
  const rest = stories.length - named.length;
  const others = rest === 0 ? '' : `, and ${rest} more ${rest === 1 ? 'incident' : 'incidents'}`;
  const victims = worst !== undefined && named.includes(worst) ? nameVictims(worst) : '';
  return {
    ...failure,
    reason: toOneLine(`${failure.reason}; ${clauses.join('; ')}${others}${victims === '' ? '' : `, ${victims}`}`),
    hint: toOneLine(`The platform had problems while the tests ran: look at its logs first. ${failure.hint}`),
    evidence: [...stories.slice(0, shownIncidents).map(describeStory), ...failure.evidence],
  };
}

/**
 * The part of the platform's state that is reported. A component that is scaled to zero is intended, as long as no test fails
 * because of it.
 */
export function incidentsOf(
  incidents: readonly ReportedIncident[],
  failure: Failure | null,
): readonly ReportedIncident[] {
  return failure !== null && explicable.has(failure.kind)
    ? incidents
    : incidents.filter(({ wasBefore }) => wasBefore !== true);
}

function describeStory({ incident, failed }: IncidentStory): string {
  const names = failed.slice(0, namedTests).map(({ name }) => name);
  const more = failed.length > names.length ? ', …' : '';
  const then = names.length === 0 ? '' : `; then failed: ${names.join(', ')}${more}`;
  return toOneLine(`${incident.at} ${nameIncident(incident)}${aftermathOf(incident)}${then}`);
}
