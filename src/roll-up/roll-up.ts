/**
 * The roll-up of the legs of a matrix: what `mode: report` and the command `report` do. It runs no test and makes no
 * cluster; it reads what the legs left, and writes one verdict, one summary, one junit.xml and one report.html.
 */
import path from 'node:path';
import { fail, outcomeOf, type Result, succeed, type TestCase } from '../core/outcome.ts';
import type { ReportInput } from '../core/report-model.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import { writeJUnit } from '../junit/write-junit.ts';
import { headlineOf } from '../report/headline.ts';
import type { Leg, LegArtifact } from '../report/leg.ts';
import { makeGrid } from '../report/roll-up-grid.ts';
import { renderRollUp } from '../report/roll-up-markdown.ts';
import { writeReport } from '../report/write-report.ts';
import { layoutResults, releaseResultsDir, takeResultsDir } from '../results/results-dir.ts';
import type { RunEnd } from '../results/run-end.ts';
import { chooseLegs } from './choose-legs.ts';
import { allTiers, judgeLegs } from './judge-legs.ts';
import { readLegs } from './read-legs.ts';

export interface RollUpOptions {
  inputs: Pick<Inputs, 'resultsDir' | 'expected' | 'jobResults'>;
  /** Attempt of this workflow run; undefined outside of one. */
  runAttempt?: number | undefined;
  /**
   * The directory that holds the results of every leg in one of its own, and GitHub's metadata of the artifacts in it; or why
   * there is none.
   */
  legs: Result<{ directory: string; artifacts: readonly LegArtifact[] }>;
  say: (line: string) => void;
  signal: AbortSignal;
}

/** Reads all legs and writes their common outcome. @throws only errors that make even a report impossible. */
export async function rollUp(options: RollUpOptions): Promise<RunEnd> {
  const { inputs, legs: given, say, signal } = options;
  const dir = layoutResults(inputs.resultsDir);
  const taken = await takeResultsDir(dir, allTiers);
  try {
    // Ours, emptied just now: no leg is in it.
    const own = taken.ok ? path.resolve(dir.root) : '';
    const found = given.ok ? await readUnlessCancelled(given.value, own, signal) : given;
    const { runAttempt } = options;
    const chosen = chooseLegs(found.ok ? found.value : [], { runAttempt, jobResults: inputs.jobResults });
    const judged = judgeLegs(chosen.legs, inputs);
    judged.verdict.warnings.unshift(...chosen.warnings);
    for (const leg of judged.legs) {
      const { mark, outcome, sentence } = headlineOf(leg.verdict, leg.tests);
      say(`${mark} ${leg.name}: ${outcome} — ${sentence}`);
    }
    for (const result of [found, taken])
      if (!result.ok)
        judged.verdict = { ...judged.verdict, outcome: outcomeOf(result.failure), failure: result.failure };
    const casesLeftOut = judged.legs.reduce((sum, leg) => sum + leg.testsLeftOut + (leg.verdict.casesLeftOut ?? 0), 0);
    if (casesLeftOut > 0) judged.verdict = { ...judged.verdict, casesLeftOut };
    const { verdict } = judged;
    const grid = makeGrid(judged.legs);
    const report: ReportInput = {
      verdict,
      tests: judged.legs.flatMap((leg) => ofLeg(leg, leg.tests)),
      logs: [],
      resultsDir: dir.root,
      ...(grid === undefined ? {} : { grid }),
    };
    const summarize = (maxBytes?: number) =>
      renderRollUp({ ...judged, warnings: chosen.warnings, resultsDir: dir.root }, maxBytes);
    if (taken.ok) {
      await writeJUnit(dir.junitXml, {
        reports: judged.legs.map((leg) => ({
          file: path.join(leg.directory, 'junit.xml'),
          cases: ofLeg(leg, [...leg.tests, ...silentFailureOf(leg)]),
          casesLeftOut: leg.testsLeftOut,
        })),
        phases: [],
        failure: verdict.failure,
      });
      await writeReport(report, dir, summarize());
    }
    return { verdict, dir, report, summarize, kubeconfig: '', ownsResultsDir: taken.ok, isMasked: true };
  } finally {
    if (taken.ok) await releaseResultsDir(dir);
  }
}

async function readUnlessCancelled(
  { directory, artifacts }: { directory: string; artifacts: readonly LegArtifact[] },
  own: string,
  signal: AbortSignal,
): Promise<Result<Leg[]>> {
  try {
    return succeed(await readLegs(directory, signal, artifacts, own));
  } catch (error) {
    if (!signal.aborted) throw error;
    return fail('cancelled', `cancelled (${String(signal.reason)}) while the results of the jobs were read`);
  }
}

/** Tests under the name of their leg, so that equal names of several legs stay apart. */
function ofLeg({ name }: Leg, tests: readonly TestCase[]): TestCase[] {
  return tests.map((test) => ({ ...test, suite: test.suite === '' ? name : `${name} / ${test.suite}` }));
}

/** A red leg without a failed test, as a case of its own: a report without a failure reads as green. */
function silentFailureOf({ name, verdict, tests }: Leg): TestCase[] {
  const isRed = ({ status }: TestCase) => status === 'failed' || status === 'error';
  if (verdict.failure === null || tests.some(isRed)) return [];
  const { reason: message, hint, evidence } = verdict.failure;
  const details = [hint, ...evidence].filter((line) => line !== '').join('\n');
  const classname = 'k8s-test-action';
  return [{ suite: '', classname, name: `job ${name}`, seconds: 0, status: 'error', message, details }];
}
