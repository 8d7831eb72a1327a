/** A PersistentVolumeClaim that is not bound. */
import type { Claim } from '../kube/objects.ts';
import { remedyForHook } from './classify-held-hook.ts';
import { type Diagnosis, machineryPatienceSeconds, objectDiagnosis, othersPatienceSeconds } from './diagnosis.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import { claimsOf, describeEvent, eventsOf, hasEnded, isReady } from './pod-facts.ts';

/** While other pods start, the provisioner may be one of those that wait for the machine. */
const provisionerPatienceSeconds = 120;

/**
 * The diagnosis of a claim, from its last event. One that waits for its first pod is well (WaitForFirstConsumer), and so is one
 * whose volume is being made.
 */
export function classifyClaim(claim: Claim, facts: NamespaceFacts): Diagnosis | undefined {
  if (claim.status?.phase === 'Lost')
    return objectDiagnosis(claim, {
      kind: 'schedule',
      reason: `PersistentVolumeClaim ${claim.metadata.name} has lost its volume`,
      hint: 'The PersistentVolume was deleted: delete the claim as well.',
      confidence: 'certain',
    });
  if (claim.status?.phase !== 'Pending') return undefined;
  const events = eventsOf(facts.events, claim);
  // Events that carry no information: every claim of a class with an external provisioner gets these as well.
  const telling = events.findLast((event) => event.reason === 'ProvisioningFailed' || event.reason === 'FailedBinding');
  const waits = events.findLast((event) => event.reason === 'ExternalProvisioning');
  const message = telling?.message ?? '';
  const where = `PersistentVolumeClaim ${claim.metadata.name} is not bound`;
  const evidence = events.slice(-5).map(describeEvent);
  const missing = /^storageclass\S* "([^"]+)" not found/i.exec(message)?.[1];
  if (missing !== undefined)
    return objectDiagnosis(claim, {
      kind: 'schedule',
      reason: `${where}: the cluster has no StorageClass ${missing}`,
      cause: { kind: 'missing', path: `/apis/storage.k8s.io/v1/storageclasses/${missing}` },
      hint: 'Use a class that the cluster has (Kind has standard), or leave storageClassName out.',
      evidence,
      confidence: 'likely',
      patienceWhileOthersStartSeconds: othersPatienceSeconds,
    });
  if (telling?.reason === 'FailedBinding')
    return objectDiagnosis(claim, {
      kind: 'schedule',
      reason: `${where}: ${message}`,
      hint: 'Name a StorageClass in the values (Kind has standard), or create a PersistentVolume that fits.',
      evidence,
      confidence: 'likely',
      patienceWhileOthersStartSeconds: othersPatienceSeconds,
    });
  if (telling !== undefined) {
    const isRefusal = /only support|not support|unsupported|invalid/i.test(message);
    return objectDiagnosis(claim, {
      kind: 'schedule',
      reason: `${where}: ${message}`,
      hint: /access mode/i.test(message)
        ? 'The provisioner does not know this access mode: use ReadWriteOnce.'
        : 'The provisioner says why; its own log says more.',
      evidence,
      confidence: 'likely',
      patienceSeconds: isRefusal ? 0 : machineryPatienceSeconds,
    });
  }
  if (waits === undefined) return classifyUnused(claim, facts, evidence);
  // Its volume is there: only the control plane still has to bind it, which a busy one takes a minute for.
  if (events.some((event) => event.reason === 'ProvisioningSucceeded')) return undefined;
  const provisioner = /external provisioner '([^']+)'/.exec(waits.message ?? '')?.[1] ?? 'its provisioner';
  // An existing provisioner sends an event "Provisioning" as soon as it begins.
  const hasBegun = events.some((event) => event.reason === 'Provisioning');
  if (hasBegun)
    return objectDiagnosis(claim, {
      kind: 'schedule',
      reason: `${where}: ${provisioner} has started to create its volume and has not finished`,
      hint: 'The log of the provisioner says more.',
      evidence,
      // Creating it may take ten minutes (a shared file system of a cloud). A failure is reported by an event ProvisioningFailed.
      confidence: 'transient',
    });
  return objectDiagnosis(claim, {
    kind: 'schedule',
    reason: `${where}: probably the provisioner ${provisioner} of its StorageClass ${claim.spec?.storageClassName ?? ''} is not installed: it does not respond`,
    hint: 'Install the provisioner, or use a class whose provisioner the cluster has (Kind has standard).',
    evidence,
    confidence: 'likely',
    patienceSeconds: absentProvisionerPatienceSeconds,
    patienceWhileOthersStartSeconds: provisionerPatienceSeconds,
  });
}

/** A provisioner that runs takes up a claim at once, one that has to be elected leader again within some 15 s. */
const absentProvisionerPatienceSeconds = 30;

/**
 * A claim whose volume is created for the first pod that mounts it, where all pods are up and none mounts it. It is well, and
 * yet helm waits for it as for every object that it created; a pod may still be created, but ready controllers do not take long
 * for that.
 */
function classifyUnused(claim: Claim, facts: NamespaceFacts, evidence: string[]): Diagnosis | undefined {
  const { name } = claim.metadata;
  const { heldHooks } = facts;
  const isForFirstPod = eventsOf(facts.events, claim).some((event) => event.reason === 'WaitForFirstConsumer');
  if (heldHooks === undefined || !isForFirstPod || facts.pods.some((pod) => claimsOf(pod).includes(name)))
    return undefined;
  if (!facts.pods.every((pod) => isReady(pod) || hasEnded(pod))) return undefined;
  const hook = heldHooks.find(({ claims }) => claims.includes(name));
  if (hook !== undefined)
    return objectDiagnosis(claim, {
      kind: 'schedule',
      code: 'hook-held-back',
      reason: `PersistentVolumeClaim ${name} gets its volume only when the first pod mounts it: that of the ${hook.title}, which helm creates only when everything is ready, including the claim. They wait for each other`,
      hint: remedyForHook,
      evidence,
      confidence: 'likely',
    });
  return objectDiagnosis(claim, {
    kind: 'schedule',
    reason: `PersistentVolumeClaim ${name} is mounted by no pod, gets its volume only for one (WaitForFirstConsumer), and helm waits for it`,
    hint: 'Create the claim only where a pod of the chart mounts it (put a claim for the tests into the file of your own Job), or set helm-wait: false.',
    evidence,
    confidence: 'likely',
    patienceSeconds: machineryPatienceSeconds,
  });
}
