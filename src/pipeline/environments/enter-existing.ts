/** The way of a run into a cluster that was there before it, and stays. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dump } from 'js-yaml';
import type { ReadyCluster } from '../../cluster/make-cluster.ts';
import { reachCluster } from '../../cluster/reach-cluster.ts';
import { fail, type Result, succeed } from '../../core/outcome.ts';
import type { Manifest, TestJob } from '../../inputs/job-manifest.ts';
import { jobName, runLabel } from '../../job/build-job.ts';
import { describePermission, findForbidden, type Permission, rulesFor } from '../../kube/access-review.ts';
import { ApiError } from '../../kube/api-error.ts';
import { listApiKinds } from '../../kube/api-kinds.ts';
import { connect, type KubeConnection } from '../../kube/connection.ts';
import type { Job } from '../../kube/objects.ts';
import { createOwnNamespace, findNamespace, listLeftovers, reapNamespace } from '../../kube/own-namespace.ts';
import type { Ownership } from '../../kube/release-of.ts';
import { listResources } from '../../kube/resources.ts';
import { findRelease } from '../../platform/release.ts';
import { RunRecord } from '../../state/run-record.ts';
import { findJobInWay } from '../find-job-in-way.ts';
import { apiVersionsOf, planPermissions } from '../plan-permissions.ts';
import type { NodeImages, OpenCluster, PreparedRun } from '../progress.ts';
import type { Run } from '../run.ts';

/** An existing cluster that answers, and as whom it knows us. */
interface ReachedCluster {
  cluster: ReadyCluster;
  connection: KubeConnection;
  user: string;
}

/**
 * Beginning of the phase `preflight`: whether the cluster answers and accepts our credentials. From then on there is a
 * kubeconfig of our own, with this one context, for helm and for teardown; the user's is never written.
 * @returns a failure of kind `api`.
 */
export async function reachExisting(run: Run): Promise<Result<ReachedCluster>> {
  const { kubeconfig } = run.inputs;
  if (kubeconfig === undefined) throw new Error('an existing cluster without a kubeconfig was not refused');
  for (const secret of kubeconfig.secrets) run.reporter.mask(secret);
  const kubeconfigPath = path.join(run.workDir, 'kubeconfig');
  await writeFile(kubeconfigPath, kubeconfig.yaml, { mode: 0o600 });
  const connection = connect({ kubeconfigPath });
  const reached = await reachCluster(connection, kubeconfig, run.signal);
  if (!reached.ok) return reached;
  const { kubernetes, user, nodeCount } = reached.value;
  const { context: name } = kubeconfig;
  const cluster = { name, kubeconfigPath, nodes: [], nodeCount, kubernetes, mountedHostPath: '' };
  run.reach({ stage: 'preparing', cluster, connection });
  run.reporter.say(
    `context ${kubeconfig.context} of ${kubeconfig.origin}: ${kubeconfig.server}, Kubernetes ${kubernetes}`,
  );
  run.reporter.say(`authenticated as ${user}`);
  return succeed({ cluster, connection, user });
}

/**
 * The phase `cluster` of an existing one: what the run needs is allowed, its namespace is free, and leftovers of runs that
 * died are on their way out. Nothing is made yet.
 * @returns whether that namespace exists already, or a failure of kind `input` that names all that is missing, with the manifest that grants it, or of kind `api`.
 */
export async function enterExisting(
  run: Run,
  reached: ReachedCluster,
  prepared: PreparedRun,
): Promise<Result<{ isNamespaceGiven: boolean }>> {
  const { connection } = reached;
  try {
    const given = await findGivenNamespace(run, connection);
    if (!given.ok) return given;
    const { isNamespaceGiven } = given.value;
    const allowed = await checkPermissions(run, reached, prepared, isNamespaceGiven);
    if (!allowed.ok) return allowed;
    const free = isNamespaceGiven ? await checkGivenNamespace(run, connection, prepared.own) : succeed(undefined);
    if (!free.ok) return free;
    if (!isNamespaceGiven) await reapLeftovers(run, connection);
    return given;
  } catch (error) {
    if (error instanceof ApiError) return fail('api', `the permissions could not be checked: ${error.message}`);
    throw error;
  }
}

/** Whether the namespace that the user named is there; of others we make our own. */
async function findGivenNamespace(
  run: Run,
  connection: KubeConnection,
): Promise<Result<{ isNamespaceGiven: boolean }>> {
  const { namespace, isNamespaceNamed } = run.inputs;
  if (!isNamespaceNamed) return succeed({ isNamespaceGiven: false });
  const found = await findNamespace(connection, namespace, run.signal).catch((error: unknown) => {
    // A user who may only work in a namespace may be unable to read the namespace itself.
    if (error instanceof ApiError && error.status === 403) return 'unseen' as const;
    throw error;
  });
  if (found === undefined) return succeed({ isNamespaceGiven: false });
  if (found !== 'unseen' && found.metadata.deletionTimestamp !== undefined)
    return fail('input', `namespace ${namespace} is being deleted`, {
      hint: 'Wait until it is deleted, or choose another.',
    });
  run.reporter.say(`namespace ${namespace} exists already: it is kept, and only objects of this run are removed`);
  return succeed({ isNamespaceGiven: true });
}

async function checkPermissions(
  run: Run,
  { connection, user }: ReachedCluster,
  { chart, manifests, own }: PreparedRun,
  isNamespaceGiven: boolean,
): Promise<Result<undefined>> {
  const { namespace, secrets, ownJob, shards, choosesShards, retries } = run.inputs;
  const ofOwnJob: Manifest[] = own === undefined ? [] : [own.job, ...own.supportingResources];
  const kinds = await listApiKinds(connection, apiVersionsOf([...manifests, ...ofOwnJob]), run.signal);
  const needed = planPermissions({
    namespace,
    isGiven: isNamespaceGiven,
    chart: chart && manifests,
    ownJob: ofOwnJob,
    mayResume: (shards > 1 || choosesShards) && retries > 0,
    kinds,
    secrets: { tests: secrets.length > 0, registries: !isNamespaceGiven },
  });
  const missing = await findForbidden(connection, needed, run.signal);
  if (missing.length === 0) {
    run.reporter.say(`${needed.length} permissions asked for, all granted`);
    return succeed(undefined);
  }
  const isOfBoth = ownJob !== undefined || chart !== undefined;
  return fail('input', `${user} may not ${describeMissing(missing)}`, {
    hint: `${isNamespaceGiven ? 'deploy/given-namespace.yaml' : 'deploy/own-namespace.yaml'} of k8s-test-action grants what a run needs${isOfBoth ? ' with its own chart; for yours, what is below' : ''}: an administrator applies it with kubectl auth reconcile -f (docs/existing-cluster.md).`,
    evidence: [
      ...missing.map((one) => `${describePermission(one)} (${whereOf(one)}), for ${one.purpose}`),
      'A manifest that grants what is missing:',
      renderGrant(missing, user),
    ],
  });
}

/** `create jobs.batch, get pods/log in namespace x; create namespaces in the cluster`. */
function describeMissing(missing: Permission[]): string {
  const places = Map.groupBy(missing, whereOf);
  return [...places].map(([where, all]) => `${all.map(describePermission).join(', ')} ${where}`).join('; ');
}

function whereOf({ namespace }: Permission): string {
  return namespace === '' ? 'in the cluster' : `in namespace ${namespace}`;
}

/** Roles and their bindings, ready to be applied by an administrator. */
function renderGrant(missing: Permission[], user: string): string {
  const [, namespaceOfAccount, account] = /^system:serviceaccount:([^:]+):(.+)$/.exec(user) ?? [];
  const subject =
    account === undefined
      ? { kind: 'User', name: user, apiGroup: 'rbac.authorization.k8s.io' }
      : { kind: 'ServiceAccount', name: account, namespace: namespaceOfAccount };
  const places = Map.groupBy(missing, ({ namespace }) => namespace);
  return [...places]
    .flatMap(([namespace, all]) => {
      const prefix = namespace === '' ? 'Cluster' : '';
      const metadata = { name: 'k8s-test-action-missing', ...(namespace === '' ? {} : { namespace }) };
      const common = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata };
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: `${prefix}Role`, name: metadata.name };
      return [
        { kind: `${prefix}Role`, ...common, rules: rulesFor(all) },
        { kind: `${prefix}RoleBinding`, ...common, roleRef, subjects: [subject] },
      ];
    })
    .map((object) => dump(object, { noRefs: true, flowLevel: 3 }))
    .join('---\n');
}

/** In a namespace that is shared, no release and no Job of others is touched. */
async function checkGivenNamespace(
  run: Run,
  connection: KubeConnection,
  own: TestJob | undefined,
): Promise<Result<undefined>> {
  const { namespace, release, chart } = run.inputs;
  if (chart !== undefined && (await findRelease(connection, { name: release, namespace }, run.signal)) !== undefined)
    return fail('input', `namespace ${namespace} already has a release ${release}, which this run did not create`, {
      hint: 'Give another release, or leave namespace out: the run then creates its own.',
    });
  const jobs = await listResources<Job>(connection, `/apis/batch/v1/namespaces/${namespace}/jobs`, run.signal);
  const over = RunRecord.list(path.dirname(run.record.file)).filter((record) => !record.isAlive);
  const failure = findJobInWay(jobs, {
    namespace,
    name: own?.job.metadata.name ?? jobName,
    isOwn: own !== undefined,
    removable: new Set(over.map(({ content }) => content.runId)),
  });
  return failure === undefined ? succeed(undefined) : { ok: false, failure };
}

/** Deletes the namespaces of runs that died. Errors are reported, and are not this run's failure. */
async function reapLeftovers(run: Run, connection: KubeConnection): Promise<void> {
  try {
    const alive = new Set(
      RunRecord.list(path.dirname(run.record.file)).flatMap((one) => (one.isAlive ? [one.content.runId] : [])),
    );
    const leftovers = await listLeftovers(connection, runLabel, run.signal);
    for (const leftover of leftovers.filter(({ runId }) => !alive.has(runId))) {
      await reapNamespace(connection, leftover, runLabel, run.signal);
      run.reporter.say(`namespace ${leftover.name} of a crashed run (since ${leftover.since}) is being deleted`);
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    run.reporter.say(`could not look for leftovers of crashed runs: ${error.message}`);
  }
}

const hour = 3600;
/** A namespace must be at least this old before a later run may treat it as left by a run that died. */
const reapSeconds = { usual: 24 * hour, kept: 7 * 24 * hour };

/** The namespace of a run: one of its own, noted before it is made, or the one that is there. */
export async function enterNamespace(
  run: Run,
  { connection, cluster, isNamespaceGiven }: OpenCluster,
  ownership?: Ownership,
): Promise<Result<undefined>> {
  if (isNamespaceGiven) return succeed(undefined);
  const { namespace, keep, platformTimeoutSeconds, startupTimeoutSeconds, timeoutSeconds, graceSeconds } = run.inputs;
  const longest = platformTimeoutSeconds + startupTimeoutSeconds + timeoutSeconds + graceSeconds + hour;
  const seconds = Math.max(longest, keep === 'never' ? reapSeconds.usual : reapSeconds.kept);
  run.record.note({ kind: 'namespace', name: namespace, kubeconfigPath: cluster.kubeconfigPath });
  return createOwnNamespace(connection, namespace, {
    label: runLabel,
    runId: run.record.content.runId,
    signal: run.signal,
    ownership,
    reapAfter: new Date(Date.now() + seconds * 1000),
  });
}

/** Warns, before anything is created, of images that the nodes of an existing cluster probably cannot get. */
export function warnOfLocalImages(run: Run, { test: image }: NodeImages): void {
  // An image that a registry gave, or took, has a digest there; where docker keeps images as containerd does, each has one.
  if (image === undefined || image.repoDigest !== '') return;
  run.warn(
    `image ${image.name} was built by the local docker and apparently never pushed: the nodes of this cluster must pull it, so push it to a registry that they reach`,
  );
}
