import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../core/must.ts';
import { type Failure, fail, messageOf, toOneLine } from '../core/outcome.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { runScriptInPod } from '../kube/exec.ts';
import type { Pod } from '../kube/objects.ts';
import { CutOutput, type PullEnd, ResultsPuller, type ResultsSource } from './pull-results.ts';
import { listNames, type ResultsLimits } from './results-limits.ts';
import { collectedPath, collectorDirectory, collectorName } from './route-results.ts';

export interface CollectionOptions {
  /** Opens the place that the results are read from, once the test container has started. */
  openSource: (signal: AbortSignal) => Promise<ResultsSource>;
  /** Opens another one when the first is gone; undefined when there can be none. */
  openRescue: ((signal: AbortSignal) => Promise<ResultsSource>) | undefined;
  /** Directory of the runner in which the results appear. */
  directory: string;
  /** Directory for incomplete files; only this collection uses it. */
  incoming: string;
  limits: ResultsLimits;
  say: (line: string) => void;
}

/** Interval between two reads of the tests' output: if a pod vanishes, about this much is lost at most. */
const intervalMilliseconds = 2000;
const retryMilliseconds = 1000;
/** A source that is away for longer when everything else is over is not waited for. */
const awayMilliseconds = 30_000;

/**
 * Collects the results of one run from where the runner's own disk is not: looks again and again while the tests run,
 * and for a last time, with checksums, when they have ended.
 */
export class ResultsCollection {
  readonly #options: CollectionOptions;
  readonly #puller: ResultsPuller;
  readonly #stopped = new AbortController();
  #source: ResultsSource | undefined;
  #rounds: Promise<void> | undefined;
  #lastRoundAt: number | undefined;
  #lastProblem = '';

  constructor(options: CollectionOptions) {
    this.#options = options;
    this.#puller = new ResultsPuller({
      // Asked again at each call: a rescue takes the first one's place.
      openSource: () => must(this.#source, 'the source of results'),
      directory: options.directory,
      incoming: options.incoming,
      limits: options.limits,
    });
  }

  /** Begins to look; ends by `finish`, or by the signal. */
  start(signal: AbortSignal): void {
    this.#rounds ??= this.#goRound(AbortSignal.any([signal, this.#stopped.signal]));
  }

  /**
   * Collects the rest. To be called when the test container has ended, however it did.
   * @returns warnings, a line each, and the names of files that are incomplete; and a failure of kind `results` when the last
   * listing failed, so that it is unknown what is missing.
   */
  async finish(
    signal: AbortSignal,
  ): Promise<{ warnings: string[]; failure: Failure | undefined; missing: PullEnd['missing'] }> {
    if (this.#rounds === undefined) return { warnings: [], failure: undefined, missing: [] };
    this.#stopped.abort();
    await this.#rounds;
    const end = await this.#finishPulling(signal);
    await this.#puller.close();
    const { files, incomplete, missing } = end.pulled;
    this.#options.say(
      `${files} files of the results were collected${end.problem === '' ? ', each compared by SHA-256' : ''}`,
    );
    const warnings = [...end.pulled.warnings];
    if (incomplete.length > 0)
      warnings.push(`${incomplete.length} files of the results are not complete: ${listNames(incomplete)}`);
    if (end.problem === '') return { warnings, failure: undefined, missing };
    const since =
      this.#lastRoundAt === undefined
        ? 'none were collected before'
        : `those collected are ${Math.round((performance.now() - this.#lastRoundAt) / 1000)} s older`;
    const reason = `the last results could not be collected, ${since}: ${end.problem}`;
    const hint = 'Results on a claim outlive the pod; those on an emptyDir go with it.';
    return { warnings, failure: fail('results', reason, { hint, evidence: warnings }).failure, missing };
  }

  async #goRound(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        try {
          this.#source ??= await this.#options.openSource(signal);
          await this.#puller.round(signal);
          this.#lastRoundAt = performance.now();
        } catch (error) {
          signal.throwIfAborted();
          // An unreachable source may come back; the last listing decides.
          this.#lastProblem = toOneLine(messageOf(error), 300);
        }
        await delay(intervalMilliseconds, undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #finishPulling(signal: AbortSignal): Promise<{ pulled: PullEnd; problem: string }> {
    let rescue = this.#options.openRescue;
    const deadline = performance.now() + awayMilliseconds;
    for (;;) {
      try {
        this.#source ??= await this.#options.openSource(signal);
        return { pulled: await this.#puller.finish(signal), problem: '' };
      } catch (error) {
        const problem =
          signal.aborted && this.#lastProblem !== '' ? this.#lastProblem : toOneLine(messageOf(error), 300);
        const mayPass = error instanceof ApiError ? error.retryable && !isGone(error) : error instanceof CutOutput;
        const isPassing = mayPass && performance.now() < deadline;
        if (signal.aborted || (!isPassing && rescue === undefined)) return { pulled: this.#puller.describe(), problem };
        if (!isPassing && rescue !== undefined) {
          const open = rescue;
          rescue = undefined;
          this.#options.say(`the pod of the results is gone; another pod reads its claim (${problem})`);
          const opened = await openOrExplain(open, signal);
          if (typeof opened === 'string') return { pulled: this.#puller.describe(), problem: `${problem}; ${opened}` };
          this.#source = opened;
        }
        await delay(retryMilliseconds, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}

/** The source that takes the first one's place, or why there is none. */
async function openOrExplain(
  open: (signal: AbortSignal) => Promise<ResultsSource>,
  signal: AbortSignal,
): Promise<ResultsSource | string> {
  try {
    return await open(signal);
  } catch (error) {
    return toOneLine(messageOf(error), 300);
  }
}

/** Whether exec reports that there is no container left to run in. */
function isGone(error: ApiError): boolean {
  return (
    error.status === 404 ||
    /container not found|not running|stopped container|is terminated|completed pod/i.test(error.message)
  );
}

/** The results as the collector in a pod sees them. */
export function openPodSource(connection: KubeConnection, namespace: string, pod: string): ResultsSource {
  return {
    directory: collectedPath,
    run: (script, args, { stdin, onStdout, signal }) =>
      runScriptInPod(connection, {
        namespace,
        pod,
        container: collectorName,
        script,
        args,
        ...(stdin === undefined ? {} : { stdin }),
        onStdout,
        signal,
      }),
  };
}

/** Ends the collector of a pod, so that the pod can end. A pod that is gone already is no error. */
export async function dismissCollector(
  connection: KubeConnection,
  namespace: string,
  pod: string,
  signal: AbortSignal,
): Promise<void> {
  const source = openPodSource(connection, namespace, pod);
  await source.run(`touch ${collectorDirectory}/done`, [], { onStdout: () => {}, signal }).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
  });
}

/** A pod that only reads is scheduled and started within a moment; its image is in the nodes or small. */
const rescueSeconds = 60;

/**
 * Creates a pod that only reads results, and returns when it can be asked for them.
 * @throws after `rescueSeconds` with the status of the pod.
 */
export async function startRescuePod(
  connection: KubeConnection,
  namespace: string,
  manifest: object,
  signal: AbortSignal,
): Promise<ResultsSource> {
  const base = `/api/v1/namespaces/${namespace}/pods`;
  const { metadata } = await connection.call<Pod>('POST', base, { body: manifest, signal });
  const deadline = performance.now() + rescueSeconds * 1000;
  for (;;) {
    const pod = await connection.call<Pod>('GET', `${base}/${metadata.name}`, { signal });
    if (pod.status?.phase === 'Running') return openPodSource(connection, namespace, metadata.name);
    if (performance.now() > deadline)
      throw new Error(`pod ${metadata.name} did not start within ${rescueSeconds} s: ${describeWaiting(pod)}`);
    await delay(retryMilliseconds / 4, undefined, { signal });
  }
}

/** Why a pod does not run, from its status. */
function describeWaiting({ status }: Pick<Pod, 'status'>): string {
  const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting !== undefined)?.state?.waiting;
  if (waiting !== undefined) return [waiting.reason, waiting.message].filter((one) => one !== undefined).join(': ');
  const unmet = status?.conditions?.find((one) => one.status === 'False');
  return unmet?.message ?? unmet?.reason ?? status?.phase ?? 'it says nothing';
}
