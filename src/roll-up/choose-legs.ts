/**
 * Which of all results that were found count, and as what. Pure. A result names its own job and attempt, but an uploaded
 * artifact can contain anything: GitHub's data outweighs it, and a claim alone never removes a red result.
 */
import { type Failure, toOneLine } from '../core/outcome.ts';
import type { Leg } from '../report/leg.ts';
import { allTiers, type JobResults } from './judge-legs.ts';
import { contradict } from './read-legs.ts';

export interface WorkflowFacts {
  /** Attempt of the workflow run; undefined outside of one. */
  runAttempt: number | undefined;
  jobResults: JobResults;
}

export interface ChosenLegs {
  legs: Leg[];
  /** What cannot be determined here, for the summary; a sentence each. */
  warnings: string[];
}

/**
 * If a leg ran again, its newest attempt counts. Always red are: two results with one identity, an attempt above that of the
 * workflow run, several identities from one job run, a newer attempt that GitHub got earlier. A red attempt is replaced by a
 * green one only if the job is a success by now according to GitHub.
 */
export function chooseLegs(found: readonly Leg[], facts: WorkflowFacts): ChosenLegs {
  const judged = found.filter((leg) => !isEarlierRollUp(leg)).map(refuseRollUp);
  const doubts = findDoubts(judged, facts.runAttempt);
  const doubtful = judged.flatMap((leg) => {
    const doubt = doubts.get(leg);
    return doubt === undefined ? [] : [{ ...leg, verdict: contradict(leg.verdict, doubt) }];
  });
  const clear = judged.filter((leg) => !doubts.has(leg));
  const replaced = [...groupBy(clear, identityWithoutAttempt).values()].flatMap((attempts) =>
    chooseAttempts(attempts, facts.jobResults),
  );
  const legs = nameApart([...replaced, ...doubtful]);
  return { legs, warnings: describeUnseen(legs, facts) };
}

/**
 * The roll-up of an earlier attempt, or of a called workflow, is no leg. It is recognised by both the artifact's name on GitHub
 * and its own verdict: neither alone is enough to leave a result out.
 */
function isEarlierRollUp({ verdict, artifact }: Leg): boolean {
  return verdict.tier === allTiers && artifact !== undefined && /(^|[-_.])report([-_.]|$)/.test(artifact.name);
}

function refuseRollUp(leg: Leg): Leg {
  if (leg.verdict.tier !== allTiers) return leg;
  const failure: Failure = {
    kind: 'results',
    reason: `${leg.directory === '' ? leg.name : leg.directory} holds the verdict of a roll-up, not of a matrix job`,
    hint: 'Keep it out of the directory with the results of the jobs, or give its artifact a name with "report" in it, as the default has.',
    evidence: [],
  };
  return { ...leg, verdict: { ...leg.verdict, outcome: 'broken', failure } };
}

/** Objections to results, by result. */
function findDoubts(legs: readonly Leg[], runAttempt: number | undefined): Map<Leg, string> {
  const doubts = new Map<Leg, string>();
  const ofWorkflow = legs.filter(({ job }) => job !== '');
  for (const leg of ofWorkflow)
    if (runAttempt !== undefined && leg.attempt > runAttempt)
      doubts.set(leg, `it claims attempt ${leg.attempt}, and this is attempt ${runAttempt}`);
  for (const group of groupBy(ofWorkflow, identity).values())
    if (group.length > 1)
      for (const leg of group)
        doubts.set(
          leg,
          `${group.length} results claim to be of ${describeIdentity(leg)}. Give each call of a reusable workflow its own leg-name`,
        );
  const byJobRun = groupBy(
    ofWorkflow.filter(({ artifact }) => artifact?.jobRun !== undefined),
    ({ artifact }) => artifact?.jobRun ?? '',
  );
  for (const group of byJobRun.values()) {
    const jobs = new Set(group.map(({ job, matrix, attempt }) => JSON.stringify([job, matrix, attempt])));
    if (jobs.size > 1)
      for (const leg of group)
        doubts.set(leg, `one job uploaded it together with results that claim to be of ${jobs.size - 1} other jobs`);
  }
  for (const attempts of groupBy(ofWorkflow, identityWithoutAttempt).values())
    for (const leg of attempts) {
      const at = leg.artifact?.createdAt;
      const later = attempts.find(({ attempt, artifact }) => attempt < leg.attempt && isAfter(artifact?.createdAt, at));
      if (later !== undefined)
        doubts.set(
          leg,
          `it says attempt ${leg.attempt}, and GitHub got it before the result of attempt ${later.attempt}`,
        );
    }
  return doubts;
}

function isAfter(one: number | undefined, other: number | undefined): boolean {
  return one !== undefined && other !== undefined && one > other;
}

/** Of the attempts of one leg: the newest, and red ones without proof of a later success. */
function chooseAttempts(attempts: readonly Leg[], jobResults: JobResults): Leg[] {
  const [newest, ...older] = [...attempts].sort((a, b) => b.attempt - a.attempt);
  // Outside of a workflow reruns and legs of one name cannot be distinguished: all of them count.
  if (newest === undefined || newest.job === '') return [...attempts];
  if (newest.verdict.outcome !== 'passed' || isSuccess(newest.job, jobResults)) return [newest];
  return [newest, ...older.filter(({ verdict }) => verdict.outcome !== 'passed').map((leg) => keepRed(leg, newest))];
}

function keepRed(leg: Leg, newest: Leg): Leg {
  const { verdict } = leg;
  const hint = `Attempt ${newest.attempt} says passed, and GitHub was not asked whether job ${leg.job} is a success by now: give needs: \${{ toJSON(needs) }} to this step.`;
  const failure: Failure = verdict.failure ?? { kind: 'results', reason: verdict.outcome, hint: '', evidence: [] };
  return {
    ...leg,
    name: `${leg.name} · attempt ${leg.attempt}`,
    verdict: { ...verdict, failure: { ...failure, hint: toOneLine(`${hint} ${failure.hint}`) } },
  };
}

/**
 * Whether a job is a success by now according to GitHub. A job of a called workflow is not among the needs; its call is, and so
 * it is a success if all of them are.
 */
function isSuccess(job: string, jobResults: JobResults): boolean {
  const own = Object.hasOwn(jobResults, job) ? jobResults[job] : undefined;
  if (own !== undefined) return own.result === 'success';
  const all = Object.values(jobResults);
  return (
    all.some(({ result }) => result === 'success') &&
    all.every(({ result }) => result === 'success' || result === 'skipped')
  );
}

function describeUnseen(legs: readonly Leg[], { runAttempt, jobResults }: WorkflowFacts): string[] {
  if (!legs.some(({ job }) => job !== '') || Object.keys(jobResults).length > 0) return [];
  const warnings = [
    'Without the input needs, the roll-up cannot see whether a job died before it left results, or whether its results are forged.',
  ];
  const old = legs.filter(
    ({ job, attempt, verdict }) => job !== '' && attempt < (runAttempt ?? 0) && verdict.outcome === 'passed',
  );
  if (old.length > 0)
    warnings.push(
      `${old.length} of ${legs.length} results are of an attempt before ${runAttempt}: whether their jobs ran again, and died, cannot be seen either.`,
    );
  return warnings;
}

function identityWithoutAttempt({ job, call, matrix, step, verdict }: Leg): string {
  return JSON.stringify([job, call, matrix, step, verdict.tier]);
}

function identity(leg: Leg): string {
  return `${identityWithoutAttempt(leg)} ${leg.attempt}`;
}

function describeIdentity({ name, job, step, attempt }: Leg): string {
  return `${name}, job ${job}${step === '' ? '' : `, step ${step}`}, attempt ${attempt}`;
}

/** Legs of one name are distinguished by the call they are of, and by their steps. */
function nameApart(legs: readonly Leg[]): Leg[] {
  const isOneCall = new Set(legs.map(({ call }) => call)).size < 2;
  const called = legs.map((leg) =>
    isOneCall || leg.call === '' ? leg : { ...leg, name: `${leg.call} / ${leg.name}` },
  );
  const byName = groupBy(called, ({ job, name }) => JSON.stringify([job, name]));
  return [...byName.values()].flatMap((group) =>
    group.length === 1
      ? group
      : group.map((leg) => (leg.step === '' ? leg : { ...leg, name: `${leg.name} · ${leg.step}` })),
  );
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
