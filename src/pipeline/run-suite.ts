import { signalContainer } from '../cluster/signal-container.ts';
import { type Failure, type Result, succeed } from '../core/outcome.ts';
import { PlatformWatch } from '../diagnose/platform-watch.ts';
import type { TestHistory } from '../history/test-history.ts';
import { isPassingLoss } from '../job/explain-loss.ts';
import { createJob, type FollowOptions, followPart, type JobPart, runJob } from '../job/run-job.ts';
import { signalInPod } from '../job/signal-in-pod.ts';
import { statusesOf } from '../kube/job-pods.ts';
import type { Pod } from '../kube/objects.ts';
import { collectorName } from '../results/route-results.ts';
import { ResultsSizeWatch } from '../results/watch-results-size.ts';
import { finishCollection, openCollection } from './collect-from-job.ts';
import { prepareJob } from './prepare-job.ts';
import { listParts, type Platform, type PreparedJob, type StartedTests, type SuitePart } from './progress.ts';
import type { Run } from './run.ts';
import { beginLogs } from './run-logs.ts';

/**
 * How long a pod is kept after its end so that its log and its results can be read, where they can be read from nowhere else.
 */
const rescueSeconds = 60;

/**
 * The phase `tests`: the Job, from its creation to the end of its test containers, with their logs on the console and on disk.
 * How each part ended and what is left of the logs is in the progress of the run, also when this throws.
 * @param history how long tests took in earlier runs.
 * @returns the tests, or the failure of a suite in one piece. Each shard has its own failure, and the verdict combines them;
 * only what prevented all of them from running is a failure here.
 */
export async function runSuite(run: Run, platform: Platform, history: TestHistory): Promise<Result<StartedTests>> {
  const { signal } = run;
  let tests: StartedTests = { parts: listParts(run.inputs.shards, run.retry?.shards) };
  const note = (more: Partial<StartedTests>): StartedTests => {
    tests = { ...tests, ...more };
    run.reach({ ...platform, stage: 'tests', platform, tests });
    return tests;
  };
  // Before anything else: what falls over from here on, falls over under the tests.
  const watched = new PlatformWatch(platform.watch, { namespace: run.inputs.namespace, since: run.platformSince });
  const { parts } = note({});
  const ended = await runToItsEnd(run, platform, { parts, history, note }).finally(() =>
    note({ incidents: watched.end() }),
  );
  if (!ended.ok) return ended;
  await tests.logs?.finish(signal, signal);
  return succeed(tests);
}

async function runToItsEnd(
  run: Run,
  platform: Platform,
  {
    parts,
    history,
    note,
  }: { parts: readonly SuitePart[]; history: TestHistory; note: (more: Partial<StartedTests>) => void },
): Promise<Result<undefined>> {
  const prepared = await prepareJob(run, platform, { parts, history });
  if (!prepared.ok) return prepared;
  const job = prepared.value;
  note({ job, startedAt: Date.now() });
  const size = watchSize(run, job);
  note({ logs: beginLogs(run, platform, job) });
  const suite = { platform, job, parts };
  const options = jobOptions(run, platform, job, () => size?.failure);
  const [only] = parts;
  return only === undefined || only.shard !== undefined
    ? runShards(run, suite, options)
    : runWhole(run, suite, only, options);
}

/** A Job that runs in a platform. */
interface RunningSuite {
  platform: Platform;
  job: PreparedJob;
  parts: readonly SuitePart[];
}

type JobOptions = Omit<FollowOptions, 'jobName' | 'onStarted'>;

/** What the parts of a suite have in common. */
function jobOptions(
  run: Run,
  { connection, watch }: Platform,
  job: PreparedJob,
  interrupt: () => Failure | undefined,
): JobOptions {
  const { inputs } = run;
  const isExisting = inputs.cluster === 'existing';
  return {
    ...run.voice,
    connection,
    watch,
    namespace: inputs.namespace,
    container: job.container,
    interrupt,
    startupTimeoutSeconds: inputs.startupTimeoutSeconds,
    timeoutSeconds: inputs.timeoutSeconds,
    graceSeconds: inputs.graceSeconds,
    signalTests: (pod, containerId, name, over) =>
      isExisting
        ? signalInPod(
            connection,
            { namespace: inputs.namespace, pod: pod.metadata.name, container: job.container },
            name,
            over,
          )
        : signalContainer(pod.spec.nodeName ?? '', containerId, name, over),
    rescueSeconds: isExisting ? rescueSeconds : 0,
  };
}

/** Starts to fetch the results of a part, where they are not on the runner's own disk. */
function startCollection(run: Run, { platform, job }: RunningSuite, part: SuitePart, pod: Pod): void {
  part.collection = openCollection(run, platform, job, { part, pod });
  part.collection?.start(run.closing.signal);
}

async function runWhole(
  run: Run,
  suite: RunningSuite,
  part: SuitePart,
  options: JobOptions,
): Promise<Result<undefined>> {
  const { job } = suite;
  const ended = await runJob({
    ...options,
    jobName: job.name,
    manifest: job.manifest,
    onStarted: (pod) => {
      run.reporter.waitingFor('the test container to end');
      startCollection(run, suite, part, pod);
    },
  });
  if (!ended.ok) return ended;
  part.end = ended.value;
  const { failure, interruption } = ended.value;
  if (failure === null) return succeed(undefined);
  if (run.inputs.retries === 0 || !isPassingLoss(interruption)) return { ok: false, failure };
  // What it had not finished goes to a fresh pod, whose end decides.
  part.failure = failure;
  return succeed(undefined);
}

/** After the end of a shard its node needs a moment to be free for the next. */
const freeingMilliseconds = 20_000;
/** Its image is small, and is not needed before that of the tests is pulled. */
const collectorStartSeconds = 60;
/** Of one shard; what is still missing then is reported as missing. */
const collectionMilliseconds = 90_000;

/**
 * Runs all shards, each to its own end: a shard that fails takes nothing from the others.
 * @returns a failure when a Job could not be created, or when something ended the run as a whole.
 */
async function runShards(run: Run, suite: RunningSuite, options: JobOptions): Promise<Result<undefined>> {
  const { job, parts } = suite;
  const shards = new ShardsUnderWay(run);
  const created: { jobUid: string; shards: readonly number[]; name: string }[] = [];
  for (const { manifest, shards: own } of job.jobs) {
    const one = await createJob({ ...options, manifest });
    if (!one.ok) return one;
    created.push({ jobUid: one.value, shards: own, name: manifest.metadata.name });
  }
  const { isIndexed } = job;
  if (run.retry === undefined)
    run.reporter.say(`${parts.length} shards, in ${isIndexed ? 'one Indexed Job' : 'a Job each'}`);
  const following = created.flatMap(({ jobUid, shards: own, name }) =>
    own.map((shard, i) => {
      const jobName = isIndexed ? `${name}-${i}` : name;
      const othersRun = () => shards.othersRun(shard);
      const onHeld = (reason: string) => shards.hold(shard, reason);
      return followShard(run, suite, { ...options, jobName }, shards, {
        shard,
        ofJob: { jobUid, othersRun, onHeld, ...(isIndexed ? { completionIndex: i } : {}) },
      });
    }),
  );
  // After a cancel each of them still has tests to end.
  for (const one of await Promise.allSettled(following)) if (one.status === 'rejected') throw one.reason;
  shards.warnOfHolds(parts.length);
  const stopped = options.interrupt?.();
  return stopped === undefined ? succeed(undefined) : { ok: false, failure: stopped };
}

/** Follows one shard to its end, and fetches its results. */
async function followShard(
  run: Run,
  suite: RunningSuite,
  options: JobOptions & { jobName: string },
  shards: ShardsUnderWay,
  { shard, ofJob }: { shard: number; ofJob: JobPart },
): Promise<void> {
  const { platform, job, parts } = suite;
  const part = parts.find((one) => one.shard === shard);
  if (part === undefined) throw new Error(`there is no shard ${shard}`);
  const followed = await followPart(
    {
      ...options,
      say: (line) => options.say(`shard ${shard}: ${line}`),
      waitingFor: (what) => shards.waitFor(shard, what),
      onStarted: (pod) => {
        shards.begin(shard);
        startCollection(run, suite, part, pod);
      },
    },
    ofJob,
  );
  part.end = followed.ok ? followed.value : undefined;
  part.failure = followed.ok ? followed.value.failure : followed.failure;
  if (part.end !== undefined && job.route.kind === 'collector') await awaitCollector(options, part.end.pod);
  // Its pod holds its place on the node until its results are here.
  const late = AbortSignal.any([run.signal, AbortSignal.timeout(collectionMilliseconds)]);
  await finishCollection(run, { connection: platform.connection, job }, part, late);
  part.failure ??= part.collected?.failure ?? null;
  shards.end(shard, part);
}

/** Containers of a pod start one after the other: tests may be over before the reader of their results has started. */
async function awaitCollector({ watch, signal }: JobOptions, { metadata }: Pod): Promise<void> {
  const hasBegun = (): true | undefined => {
    const pod = watch.pods.find((one) => one.metadata.uid === metadata.uid);
    if (pod === undefined || pod.status?.phase === 'Failed') return true;
    const state = statusesOf(pod).find(({ name }) => name === collectorName)?.state;
    return state?.running === undefined && state?.terminated === undefined ? undefined : true;
  };
  await watch.until(hasBegun, { signal, deadlineSeconds: collectorStartSeconds });
}

/** Which shards run, and the progress lines about them. */
class ShardsUnderWay {
  readonly #run: Run;
  readonly #waits = new Map<number, string>();
  readonly #running = new Set<number>();
  readonly #holds = new Map<number, string>();
  #lastEndAt = Number.NEGATIVE_INFINITY;

  constructor(run: Run) {
    this.#run = run;
  }

  waitFor(shard: number, what: string): void {
    this.#waits.set(shard, what);
    this.#tell();
  }

  /** A shard cannot start yet. */
  hold(shard: number, reason: string): void {
    const isNews = !this.#holds.has(shard);
    this.#holds.set(shard, reason);
    if (isNews) this.#run.reporter.say(`shard ${shard} waits: ${reason}`);
  }

  /** Shards that waited for others: so many at once are more than the cluster takes. */
  warnOfHolds(shards: number): void {
    const [reason] = this.#holds.values();
    if (reason === undefined) return;
    this.#run.warn(`${this.#holds.size} of ${shards} shards had to wait before they could start: ${reason}`);
  }

  begin(shard: number): void {
    this.#running.add(shard);
    this.#waits.delete(shard);
    this.#tell();
  }

  end(shard: number, { end, failure }: SuitePart): void {
    this.#running.delete(shard);
    this.#waits.delete(shard);
    this.#lastEndAt = performance.now();
    const how = failure?.reason ?? `exit code ${end?.terminated?.exitCode ?? 'not seen'}`;
    this.#run.reporter.say(`shard ${shard} has ended: ${how}`);
    this.#tell();
  }

  /** Whether another shard runs, or has a moment ago. */
  othersRun(shard: number): boolean {
    const others = [...this.#running].some((one) => one !== shard);
    return others || performance.now() - this.#lastEndAt < freeingMilliseconds;
  }

  #tell(): void {
    const starting = [...this.#waits].map(([shard, what]) => `shard ${shard}: ${what}`);
    const running = [...this.#running].sort((a, b) => a - b);
    const ends = running.length === 0 ? [] : [`the end of shard ${running.join(', ')}`];
    if (starting.length + ends.length > 0) this.#run.reporter.waitingFor([...ends, ...starting].join('; '));
  }
}

/** Only what is written to the runner's disk can fill it; what is read from elsewhere is read up to the limit. */
function watchSize(run: Run, { route }: PreparedJob): ResultsSizeWatch | undefined {
  if (route.kind !== 'host') return undefined;
  const { dir, inputs, closing, resultsLimits } = run;
  const { resultsPath } = inputs;
  return new ResultsSizeWatch({ directory: dir.results, limits: resultsLimits, resultsPath, signal: closing.signal });
}
