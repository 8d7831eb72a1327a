/** Before the tests: how many shards there are, where the run chooses, and advice where the user has chosen. */
import { countQuota, countRoom, type ResourceQuota } from '../diagnose/count-room.ts';
import { chooseShards, shortSuiteSeconds, totalSeconds } from '../history/choose-shards.ts';
import type { TestHistory } from '../history/test-history.ts';
import { resourcesOfTests } from '../job/build-job.ts';
import { ApiError } from '../kube/api-error.ts';
import type { Node, Pod } from '../kube/objects.ts';
import { listResources } from '../kube/resources.ts';
import type { Platform } from './progress.ts';
import type { Run } from './run.ts';

const lookSeconds = 30;

/** Decides `shards: auto` and prints why; of a number that the user gave it says where one pod would do. */
export async function sizeSuite(run: Run, platform: Platform, history: TestHistory): Promise<void> {
  const { inputs, reporter } = run;
  if (inputs.choosesShards) {
    const room = await findRoom(run, platform);
    const { shards, why } = chooseShards(history, room);
    run.chooseShards(shards);
    reporter.say(`shards: auto is ${shards}: ${why}`);
    if (room === undefined) reporter.say('how many pods the cluster has room for cannot be read, and did not count');
    return;
  }
  const total = totalSeconds(history);
  if (inputs.shards > 1 && total !== undefined && total < shortSuiteSeconds)
    reporter.say(
      `the tests take ${Math.round(total)} s in all: 1 shard is enough for less than ${shortSuiteSeconds} s (advice only; ${inputs.shards} are used)`,
    );
}

/** Pods of the tests that the cluster could run at once; undefined where we may not see its nodes or its pods. */
async function findRoom(run: Run, { connection, own }: Platform): Promise<number | undefined> {
  const { inputs, signal } = run;
  const pod = own === undefined ? builtInPod(run) : asPod(own.job.spec.template.spec);
  const hurry = AbortSignal.any([signal, AbortSignal.timeout(lookSeconds * 1000)]);
  const list = <T>(path: string) =>
    listResources<T>(connection, path, hurry).catch((error: unknown) => {
      signal.throwIfAborted();
      if (error instanceof ApiError || hurry.aborted) return undefined;
      throw error;
    });
  const [nodes, pods, quotas = []] = await Promise.all([
    list<Node>('/api/v1/nodes'),
    list<Pod>('/api/v1/pods'),
    list<ResourceQuota>(`/api/v1/namespaces/${inputs.namespace}/resourcequotas`),
  ]);
  const ofQuota = countQuota(pod, quotas);
  if (nodes === undefined || pods === undefined) return Number.isFinite(ofQuota) ? ofQuota : undefined;
  return Math.min(countRoom(pod, nodes, pods), ofQuota);
}

function builtInPod({ inputs }: Run): Pod {
  return asPod({
    containers: [{ name: 'tests', resources: resourcesOfTests(inputs) }],
    nodeSelector: Object.fromEntries(inputs.nodeSelector),
  });
}

function asPod(spec: object): Pod {
  return { metadata: { name: '', uid: '' }, spec } as Pod;
}
