import { decideVerdict } from '../job/decide-verdict.ts';
import { writeJUnit } from '../job/junit-write.ts';
import { type Failure, noTests, outcomeOf, type Verdict } from '../outcome.ts';
import type { ReportInput } from '../report/report-input.ts';
import { writeReport } from '../report/write-report.ts';
import type { BroughtHome } from './bring-home.ts';
import type { Run, RunEnd } from './run.ts';

const unexplained: Failure = {
  kind: 'internal',
  reason: 'the run ended without a word on its tests',
  hint: 'Please report it with the log.',
  evidence: [],
};

/**
 * The phase `report`: one verdict from all that is known, and its renderings.
 * @param before what had ended the run before the tests could speak; it outweighs what they say.
 */
export async function writeVerdict(run: Run, before: Failure | null, home: BroughtHome): Promise<RunEnd> {
  const { inputs, dir } = run;
  const reports = home.results?.reports ?? [];
  const tests = reports.flatMap((report) => report.cases);
  const decided = decideVerdict({
    end: run.end?.terminated ?? run.exit ?? { exitCode: -1 },
    memoryLimit: inputs.memory,
    reports,
    unreadable: home.results?.unreadable ?? [],
    stale: home.results?.stale ?? [],
    failedNames: tests.filter((test) => test.status === 'failed' || test.status === 'error').map((test) => test.name),
    junitGlobs: inputs.junitGlobs,
    resultsPath: inputs.resultsPath,
  });
  const failure = before ?? (run.end === undefined && run.exit === undefined ? unexplained : decided.failure);
  if (before === null) for (const warning of decided.warnings) run.warn(warning);
  if (run.usage !== undefined && run.usage.trouble !== '') run.door.say(run.usage.trouble);
  const verdict = assembleVerdict(run, failure, decided.counts);
  const report: ReportInput = {
    verdict,
    tests,
    logs: home.evidence?.logs ?? (run.ownLog === undefined ? [] : [run.ownLog]),
    events: home.evidence?.events ?? [],
    pods: home.evidence?.pods ?? [],
    usage: run.usage?.report() ?? [],
    phases: run.clock.phases,
    startedAt: run.clock.startedAt.toISOString(),
    resultsDir: dir.root,
  };
  await writeJUnit(dir.junitXml, { reports, phases: verdict.phases, failure });
  await writeReport(report, dir);
  return { verdict, dir, report, kubeconfig: run.cluster?.kubeconfigPath ?? '', ownsResultsDir: true };
}

/** The end of a run that may not even use its results directory: nothing is written. */
export function refuseRun(run: Run, failure: Failure): RunEnd {
  const verdict = assembleVerdict(run, failure, { ...noTests });
  const report = { verdict, tests: [], logs: [], resultsDir: run.dir.root };
  return { verdict, dir: run.dir, report, kubeconfig: '', ownsResultsDir: false };
}

function assembleVerdict(run: Run, failure: Failure | null, tests: Verdict['tests']): Verdict {
  const { inputs, cluster } = run;
  return {
    schema: 1,
    outcome: outcomeOf(failure),
    failure,
    tier: inputs.tier,
    tests,
    phases: run.clock.records,
    durationSeconds: run.clock.seconds,
    cluster:
      cluster === undefined
        ? null
        : {
            kind: 'kind',
            name: cluster.name,
            namespace: inputs.namespace,
            nodes: cluster.nodes.length,
            kubernetes: cluster.kubernetes,
          },
    image: { name: inputs.tier === 'unit' ? '' : inputs.image, digest: run.end?.imageId || (run.image?.id ?? '') },
    warnings: [...run.warnings],
    ...(run.leg === undefined ? {} : { leg: run.leg }),
  };
}
