/** What only the object that should create a pod can report: that it is not allowed to, or that it has stopped trying. */

import { statusesOf } from '../kube/job-pods.ts';
import type { ClusterEvent, Job, ObjectMeta, Pod, Workload } from '../kube/objects.ts';
import { certainRestarts, lastReadyAt, memoryLimitOf } from './classify-crash.ts';
import { type Cause, type Diagnosis, objectDiagnosis, othersPatienceSeconds } from './diagnosis.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import { conditionOf, controllerOf, describeEnd, describeEvent, eventsOf } from './pod-facts.ts';

/** The diagnoses of all controllers of pods in a namespace. */
export function classifyOwners(facts: NamespaceFacts): Diagnosis[] {
  const diagnoses: (Diagnosis | undefined)[] = [
    ...[...facts.jobs, ...(facts.deleted?.jobs ?? [])].map((job) => classifyJob(job, facts)),
    ...facts.deployments.map(classifyDeployment),
  ];
  for (const set of facts.replicaSets) {
    // The ReplicaSet takes this back as soon as it could make its pods.
    const failure = conditionOf(set, 'ReplicaFailure');
    if (failure?.status === 'True') diagnoses.push(refusal('ReplicaSet', set, failure.message ?? '', facts));
  }
  for (const set of facts.statefulSets) {
    const event = lastRefusal(facts, set);
    if (event !== undefined && (set.status?.replicas ?? 0) < (set.spec?.replicas ?? 1))
      diagnoses.push(refusal('StatefulSet', set, event.message ?? '', facts));
  }
  for (const set of facts.daemonSets) {
    const event = lastRefusal(facts, set);
    if (event !== undefined && podsOf(facts, set).length === 0)
      diagnoses.push(refusal('DaemonSet', set, event.message ?? '', facts));
  }
  return diagnoses.filter((found) => found !== undefined);
}

/** The last event that reports why an owner could not create a pod; it may have created it since. */
export function lastRefusal(
  facts: Pick<NamespaceFacts, 'events'>,
  owner: { metadata: ObjectMeta },
): ClusterEvent | undefined {
  return eventsOf(facts.events, owner).findLast((event) => event.reason === 'FailedCreate');
}

function podsOf(facts: Pick<NamespaceFacts, 'pods'>, owner: { metadata: ObjectMeta }): Pod[] {
  return facts.pods.filter((pod) => controllerOf(pod)?.uid === owner.metadata.uid);
}

/** What the API server said of a pod that a controller could not create, without what the controller put before it. */
export function wordsOfRefusal(message: string): string {
  return message
    .replace('(combined from similar events): ', '')
    .replace(/^Error creating: /, '')
    .replace(/^create Pod \S+ in StatefulSet \S+ failed error: /, '')
    .replace(/^pods "[^"]*" is forbidden: /, '');
}

/** Quota, admission or a missing ServiceAccount: only the owner of the pod that is missing reports these. */
function refusal(kind: string, owner: { metadata: ObjectMeta }, message: string, facts: NamespaceFacts): Diagnosis {
  // The deployment's name is more familiar to a user than that of its ReplicaSet.
  const maker = controllerOf(owner) ?? { kind, name: owner.metadata.name };
  const words = wordsOfRefusal(message);
  const where = `${maker.kind} ${maker.name} may not create its pod`;
  const evidence = eventsOf(facts.events, owner).slice(-3).map(describeEvent);
  const account = /service ?account "([^"]+)" not found/i.exec(words)?.[1];
  const common = { kind: 'start' as const, evidence };
  if (account !== undefined)
    return objectDiagnosis(owner, {
      ...common,
      reason: `${where}: the ServiceAccount ${account} does not exist`,
      cause: {
        kind: 'missing',
        path: `/api/v1/namespaces/${owner.metadata.namespace ?? ''}/serviceaccounts/${account}`,
      },
      hint: 'Create it, for example in the chart, or leave service-account (serviceAccountName) out.',
      // That of the name default is made by Kubernetes a moment after its namespace.
      confidence: 'likely',
      patienceWhileOthersStartSeconds: othersPatienceSeconds,
    });
  if (/exceeded quota/.test(words))
    return objectDiagnosis(owner, {
      ...common,
      reason: `${where}: ${words}`,
      hint: 'Raise the ResourceQuota of the namespace, or ask for less (requests and limits in the values; memory and cpu of the tests).',
      cause: quotaIn(owner, words),
      // Pods that are ending give their share back.
      confidence: 'likely',
      patienceWhileOthersStartSeconds: othersPatienceSeconds,
    });
  const isHookDown =
    /failed calling webhook|context deadline exceeded|connection refused|timeout|status unknown for quota/i;
  if (isHookDown.test(words))
    return objectDiagnosis(owner, {
      ...common,
      reason: `${where}: ${words}`,
      hint: 'The admission webhook does not answer: look at the pods behind it.',
      confidence: 'likely',
      patienceSeconds: othersPatienceSeconds,
    });
  return objectDiagnosis(owner, {
    ...common,
    reason: `${where}: ${words}`,
    hint: /PodSecurity/.test(words)
      ? 'Change what it names in the pod, or the label pod-security.kubernetes.io/enforce of the namespace.'
      : 'Admission named what it does not accept.',
    confidence: 'likely',
    patienceWhileOthersStartSeconds: othersPatienceSeconds,
  });
}

/** `exceeded quota: small, requested: limits.memory=2Gi,pods=1, used: …` */
function quotaIn(owner: { metadata: ObjectMeta }, words: string): Cause | undefined {
  const [, name, list] = /exceeded quota: (\S+), requested: (\S+), used: /.exec(words) ?? [];
  if (name === undefined || list === undefined) return undefined;
  const requested = Object.fromEntries(list.split(',').map((pair) => pair.split('=') as [string, string]));
  return {
    kind: 'quota',
    path: `/api/v1/namespaces/${owner.metadata.namespace ?? ''}/resourcequotas/${name}`,
    requested,
  };
}

function classifyJob(job: Job, facts: NamespaceFacts): Diagnosis | undefined {
  const pods = podsOf(facts, job);
  const hook = job.metadata.annotations?.['helm.sh/hook'];
  const name = hook === undefined ? `Job ${job.metadata.name}` : `the ${hook} hook Job ${job.metadata.name}`;
  const failed = conditionOf(job, 'Failed') ?? conditionOf(job, 'FailureTarget');
  const last = lastFailed([...pods, ...podsOf({ pods: facts.deleted?.pods ?? [] }, job)]);
  const guilty = last === undefined ? undefined : guiltyOf(last);
  const end = guilty?.state?.terminated;
  const log = { pod: last?.metadata.name ?? '', container: guilty?.name ?? '' };
  if (failed?.status === 'True') {
    // The controller ended the pods itself, whose exit codes are those of its signal.
    const isLate = failed.reason === 'DeadlineExceeded';
    const isTold = end !== undefined && last !== undefined && !isLate;
    const how = isTold
      ? `: container ${log.container} of pod ${log.pod} ended with ${endOf(last, log.container, end)}`
      : `: ${failed.message ?? failed.reason ?? ''}`;
    const times = (job.status?.failed ?? 0) > 1 ? `, after ${job.status?.failed} attempts` : '';
    return objectDiagnosis(
      job,
      {
        kind: 'start',
        reason: `${name} failed${how}${times}`,
        hint: 'Its last lines say why.',
        evidence: [`Job ${job.metadata.name}: ${failed.reason ?? ''}, ${failed.message ?? ''}`],
        // Jobs and pods are watched separately: the event of the pod's end, though earlier, may arrive later.
        confidence: isTold || isLate ? 'certain' : 'likely',
      },
      log,
    );
  }
  if (pods.length === 0) {
    const event = lastRefusal(facts, job);
    if (event !== undefined && (job.status?.active ?? 0) === 0) return refusal('Job', job, event.message ?? '', facts);
  }
  // With the patience for a crashing container: attempts of a Job are as slow.
  const attempts = job.status?.failed ?? 0;
  if (attempts <= certainRestarts || end === undefined || last === undefined) return undefined;
  const readyAt = lastReadyAt(last, facts);
  if (readyAt !== '' && (end.startedAt ?? '') <= readyAt) return undefined;
  return objectDiagnosis(
    job,
    {
      kind: 'start',
      reason: `${name} fails repeatedly: ${attempts} times: container ${log.container} ended with ${endOf(last, log.container, end)}`,
      hint: 'Its last lines say why.',
      confidence: 'likely',
      patienceSeconds: 0,
      patienceWhileOthersStartSeconds: othersPatienceSeconds,
    },
    log,
  );
}

function lastFailed(pods: readonly Pod[]): Pod | undefined {
  return pods
    .filter((pod) => pod.status?.phase === 'Failed')
    .sort((a, b) => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''))
    .at(-1);
}

/** The container of a failed pod that failed it. */
function guiltyOf(pod: Pod) {
  const ended = statusesOf(pod).filter((status) => status.state?.terminated !== undefined);
  return ended.find((status) => status.state?.terminated?.exitCode !== 0) ?? ended.at(-1);
}

function endOf(pod: Pod, container: string, end: { exitCode: number; reason?: string }): string {
  return end.reason === 'OOMKilled'
    ? `exit code ${end.exitCode}, killed for memory at its limit of ${memoryLimitOf(pod, container)}`
    : describeEnd(end);
}

/** How long the pods may take according to the chart: progressDeadlineSeconds, by default ten minutes. */
function classifyDeployment(deployment: Workload): Diagnosis | undefined {
  const progress = conditionOf(deployment, 'Progressing');
  if (progress?.reason !== 'ProgressDeadlineExceeded') return undefined;
  return objectDiagnosis(deployment, {
    kind: 'start',
    reason: `Deployment ${deployment.metadata.name} was not ready within its progressDeadlineSeconds`,
    hint: 'Look at the pod named here; if it is only slow, raise progressDeadlineSeconds.',
    evidence: [progress.message ?? ''],
    confidence: 'certain',
  });
}
