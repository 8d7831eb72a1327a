import { type Failure, toOneLine } from '../outcome.ts';
import { aftermathOf, nameIncident, nameVictims, type ToldIncident, timeOfDay } from './incident-story.ts';
import type { ReportedIncident } from './report-input.ts';

/** Failures of the tests that a platform which is not well may have caused. */
const explicable: ReadonlySet<string> = new Set(['test', 'timeout', 'report', 'no-tests']);
const namedTests = 5;
const shownIncidents = 20;

/**
 * A failure of the tests with what befell the platform meanwhile: as a second clause of its reason, as a hint, and as the
 * first evidence. Others stay as they are.
 */
export function blameIncidents(failure: Failure, told: readonly ToldIncident[]): Failure {
  const worst = [...told].sort((a, b) => b.failed.length - a.failed.length)[0];
  if (worst === undefined || !explicable.has(failure.kind)) return failure;
  const others =
    told.length === 1 ? '' : `, and ${told.length - 1} more ${told.length === 2 ? 'incident' : 'incidents'}`;
  const who = nameIncident(worst.incident);
  const wasBefore = worst.incident.wasBefore === true;
  const clause = wasBefore
    ? `when they began, ${who}`
    : `meanwhile ${who} at ${timeOfDay(worst.incident.at)} UTC${aftermathOf(worst.incident)}`;
  const victims = wasBefore ? '' : nameVictims(worst);
  return {
    ...failure,
    reason: toOneLine(`${failure.reason}; ${clause}${others}${victims === '' ? '' : `, ${victims}`}`),
    hint: toOneLine(`The platform was not well while the tests ran: look at its logs first. ${failure.hint}`),
    evidence: [...told.slice(0, shownIncidents).map(describeTold), ...failure.evidence],
  };
}

/**
 * What is told of the platform. That some part of it is scaled to nothing is meant to be so, as long as no test suffers
 * from it.
 */
export function incidentsOf(
  incidents: readonly ReportedIncident[],
  failure: Failure | null,
): readonly ReportedIncident[] {
  return failure !== null && explicable.has(failure.kind)
    ? incidents
    : incidents.filter(({ wasBefore }) => wasBefore !== true);
}

function describeTold({ incident, failed }: ToldIncident): string {
  const names = failed.slice(0, namedTests).map(({ name }) => name);
  const more = failed.length > names.length ? ', …' : '';
  const then = names.length === 0 ? '' : `; then failed: ${names.join(', ')}${more}`;
  return toOneLine(`${incident.at} ${nameIncident(incident)}${aftermathOf(incident)}${then}`);
}
