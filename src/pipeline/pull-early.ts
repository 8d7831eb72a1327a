import { setTimeout as delay } from 'node:timers/promises';
import { pullInNode } from '../cluster/pull-image.ts';
import { readCredentials } from '../cluster/registry-credentials.ts';
import { type Failure, type FailureCode, type Result, succeed } from '../core/outcome.ts';
import { classifyPull } from '../diagnose/classify-image.ts';
import { type AwaitedImage, listAwaitedImages } from '../platform/chart.ts';
import { listAskedRegistries } from './copy-credentials.ts';
import { explainImageFailure } from './explain-images.ts';
import type { PreparedRun } from './progress.ts';
import type { Run } from './run.ts';

/** What a registry, or the lack of one, says for good. */
const finalCodes: ReadonlySet<FailureCode> = new Set(['image-registry-unknown', 'image-not-found', 'image-denied']);
/** Of these, what it says to clients without credentials only. */
const openCodes: ReadonlySet<FailureCode> = new Set(['image-not-found', 'image-denied']);
/** The network of a node is young when it is asked first. */
const secondLookMilliseconds = 2000;

/**
 * Has the node of a new cluster pull what the chart cannot do without and the local docker does not have, while the cluster
 * comes up. Only for one node, since it is not known which of several gets a pod, and not with a config of the user, after
 * which kind may still change how containerd pulls.
 * @param until aborts when pods exist: then the kubelet takes over.
 * @returns a failure of kind `chart` for an image that the kubelet could not pull either; all other answers are left to it.
 */
export async function pullEarly(
  run: Run,
  { manifests, images }: Pick<PreparedRun, 'manifests' | 'images'>,
  nodes: Promise<Result<string[]>>,
  { signal, until }: { signal: AbortSignal; until: AbortSignal },
): Promise<Result<undefined>> {
  const names = await nodes;
  if (!names.ok) return names;
  const [node, ...others] = names.value;
  if (node === undefined || others.length > 0 || run.inputs.kindConfig !== undefined) return succeed(undefined);
  const awaited = listAwaitedImages(manifests).filter(({ image }) => images.pulled.includes(image));
  const isFinal = !mayChange(manifests) && run.inputs.imageArchives.length === 0;
  const found = new AbortController();
  const together = AbortSignal.any([signal, until, found.signal]);
  const pullOne = async (one: AwaitedImage): Promise<Failure | undefined> => {
    const failure = await pull(run, one, node, together);
    if (failure === undefined || !isFinal || together.aborted) return undefined;
    found.abort('an image cannot be pulled');
    return failure;
  };
  const failure = (await Promise.all(awaited.map(pullOne))).find((one) => one !== undefined);
  signal.throwIfAborted();
  return failure === undefined ? succeed(undefined) : explainImageFailure({ ok: false, failure }, images, signal);
}

/** Whether what a chart does in a cluster can change what is pulled, or by whom: webhooks, Secrets, files of the node. Pure. */
export function mayChange(manifests: unknown[]): boolean {
  return /mutating(webhook|admission)|imagePullSecrets|hostPath/i.test(JSON.stringify(manifests));
}

/** @returns why an image cannot be pulled, if two attempts in a row get an answer that is final. */
async function pull(
  run: Run,
  { image, owner }: AwaitedImage,
  node: string,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  let failure: Failure | undefined;
  for (const pause of [0, secondLookMilliseconds]) {
    await delay(pause);
    if (signal.aborted) return undefined;
    const said = await pullInNode(image, node, signal);
    if (said === undefined || signal.aborted) return undefined;
    failure = { ...classifyPull(image, owner, said).failure, kind: 'chart' };
    if (failure.code === undefined || !finalCodes.has(failure.code)) return undefined;
    if (openCodes.has(failure.code) && (await mayLogIn(run, image))) return undefined;
  }
  return failure;
}

/** Whether pods may pull an image with credentials of the docker config, of which some may be unreadable. */
async function mayLogIn({ inputs, signal }: Run, image: string): Promise<boolean> {
  const asked = [...listAskedRegistries([image], inputs.registryMirrors).values()].flat();
  const { credentials, problems } = await readCredentials(asked, { env: process.env, signal });
  return credentials.length + problems.length > 0;
}
