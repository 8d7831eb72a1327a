/** The content of `result.json`. */
import { type RetryRecord, type ShardRecord, subjectOf, type Verdict } from '../core/outcome.ts';
import type { ReportedIncident, ReportedUsage } from '../core/report-model.ts';
import type { ResultFile } from './result-schema.ts';

/** The fields of schema 1 beside the verdict. */
export interface BesideVerdict {
  incidents?: readonly ReportedIncident[];
  usage?: readonly ReportedUsage[];
}

/** JSON with the keys in the order of schema 1, independent of the order in the object, and a line break at the end. */
export function renderResultJson(verdict: Verdict, { incidents = [], usage = [] }: BesideVerdict = {}): string {
  const {
    schema,
    outcome,
    failure,
    tier,
    tests,
    phases,
    durationSeconds,
    cluster,
    image,
    chart,
    isMasked,
    warnings,
    coverage,
    leg,
    casesLeftOut,
    shards,
    retries,
    trend,
  } = verdict;
  const ordered: ResultFile = {
    schema,
    outcome,
    failure:
      failure === null
        ? null
        : {
            kind: failure.kind,
            ...subjectOf(failure),
            reason: failure.reason,
            hint: failure.hint,
            evidence: failure.evidence,
          },
    tier,
    tests: {
      total: tests.total,
      passed: tests.passed,
      failed: tests.failed,
      errors: tests.errors,
      skipped: tests.skipped,
      flaky: tests.flaky,
      rebuilt: tests.reconstructed,
      ...(tests.quarantined === undefined ? {} : { quarantined: tests.quarantined }),
      ...(tests.notRun === undefined ? {} : { notRun: tests.notRun }),
    },
    phases: phases.map(({ name, outcome: phaseOutcome, seconds }) => ({ name, outcome: phaseOutcome, seconds })),
    durationSeconds,
    cluster:
      cluster === null
        ? null
        : {
            kind: cluster.kind,
            name: cluster.name,
            namespace: cluster.namespace,
            nodes: cluster.nodes,
            kubernetes: cluster.kubernetes,
          },
    image: image === null ? null : { name: image.name, digest: image.digest },
    ...(chart === undefined
      ? {}
      : { chart: { name: chart.name, version: chart.version, source: chart.source, digest: chart.digest } }),
    ...(isMasked === undefined ? {} : { isMasked }),
    warnings,
    ...(coverage === undefined
      ? {}
      : {
          coverage: {
            format: coverage.format,
            covered: coverage.covered,
            total: coverage.total,
            ...(coverage.before === undefined
              ? {}
              : { before: { covered: coverage.before.covered, total: coverage.before.total } }),
          },
        }),
    ...(leg === undefined ? {} : { leg: orderLeg(leg) }),
    ...(casesLeftOut === undefined ? {} : { casesLeftOut }),
    ...(shards === undefined ? {} : { shards: shards.map(orderShard) }),
    ...(retries === undefined ? {} : { retries: retries.map(orderRetry) }),
    ...(trend === undefined ? {} : { trend: { runs: trend.runs, changes: trend.changes } }),
    incidents: incidents.map(({ at, pod, container, what, lasts, wasBefore }) => ({
      at,
      pod,
      container,
      what,
      ...(lasts && { lasts }),
      ...(wasBefore && { wasBefore }),
    })),
    usage: [...usage],
  };
  return `${JSON.stringify(ordered, undefined, 2)}\n`;
}

function orderShard({ shard, pod, outcome, tests, failed, seconds, lostPods }: ShardRecord): ShardRecord {
  const took = seconds === undefined ? {} : { seconds };
  return { shard, pod, outcome, tests, failed, ...took, ...(lostPods === undefined ? {} : { lostPods }) };
}

function orderRetry({ retry, pod, tests, passed, problem }: RetryRecord): RetryRecord {
  return { retry, pod, tests, passed, ...(problem === undefined ? {} : { problem }) };
}

function orderLeg({
  job,
  attempt,
  matrix,
  legs,
  name,
  step,
}: NonNullable<Verdict['leg']>): NonNullable<Verdict['leg']> {
  return {
    job,
    attempt,
    matrix,
    legs,
    ...(name === undefined ? {} : { name }),
    ...(step === undefined ? {} : { step }),
  };
}
