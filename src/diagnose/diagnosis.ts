import { type Failure, type FailureKind, type FailureSubject, subjectOf, toOneLine } from '../core/outcome.ts';
import type { ObjectMeta, Pod } from '../kube/objects.ts';

/**
 * The object behind a diagnosis, by its path in the API: one that is missing, a quota or nodes that leave too little. The
 * waiting component (the kubelet, and above all controllers) retries only after pauses, which may be minutes.
 */
export type Cause =
  | { kind: 'missing'; path: string }
  /** `requested` by resource, as the quota counts it. */
  | { kind: 'quota'; path: string; requested: Readonly<Record<string, string>> }
  /** Room on a node for a pod, by resource. */
  | { kind: 'room'; requested: Readonly<Record<string, number>> };

/** What prevents a pod, or the object that should create it, from working, and whether that can still resolve itself. */
export interface Diagnosis {
  failure: Failure;
  /**
   * `certain`: nothing can resolve it, the wait may end now. `likely`: only an outside change resolves it, so the wait may end
   * when it has lasted `patienceSeconds`. `transient`: it may well resolve itself, and does not end a wait.
   */
  confidence: 'certain' | 'likely' | 'transient';
  /** While nothing else is starting. */
  patienceSeconds: number;
  /**
   * While containers of other pods of the namespace run that are not ready yet, which may provide what this one lacks; half of
   * it while others are only in their init containers, which mostly wait themselves; without it, the same. While some have not
   * even started (their images are being pulled) the wait does not end.
   */
  patienceWhileOthersStartSeconds?: number;
  /** Of the object with the problem. */
  uid: string;
  /** What to check before a wait is ended for it: it may have been resolved while its controller has not noticed yet. */
  cause?: Cause;
  /** Stays the same when the message changes between attempts. */
  key: string;
  /** Whose log proves it; both empty where no log can. */
  pod: string;
  container: string;
}

/**
 * What only an outside change could resolve while nothing else happens: a missing Secret, storage class or quota. Helm creates
 * all objects of a phase within a second or two, and running controllers and operators react within a few more. The component
 * that lacks the object may retry only later, which is why we check ourselves before the wait ends.
 */
export const standstillPatienceSeconds = 6;
/**
 * The same, while containers of other pods run that are not ready yet: an operator may provide the object later, a crashing pod
 * may wait for its database. A database that needs two minutes is normal; three minutes are rare.
 */
export const othersPatienceSeconds = 180;
/** For a node, a provisioner or a container runtime that is briefly unavailable: as long as a restart of it takes. */
export const machineryPatienceSeconds = 60;

export interface DiagnosisOptions extends FailureSubject {
  kind: FailureKind;
  reason: string;
  hint?: string;
  evidence?: string[];
  confidence: Diagnosis['confidence'];
  patienceSeconds?: number;
  patienceWhileOthersStartSeconds?: number;
  cause?: Cause | undefined;
}

export function podDiagnosis(pod: Pod, container: string, options: DiagnosisOptions): Diagnosis {
  return objectDiagnosis(pod, options, { pod: pod.metadata.name, container });
}

export function objectDiagnosis(
  object: { metadata: ObjectMeta },
  options: DiagnosisOptions,
  log: { pod: string; container: string } = { pod: '', container: '' },
): Diagnosis {
  const { kind, reason, hint = '', evidence = [], confidence } = options;
  return {
    failure: { kind, ...subjectOf(options), reason: toOneLine(reason), hint, evidence },
    confidence,
    patienceSeconds: options.patienceSeconds ?? standstillPatienceSeconds,
    ...(options.patienceWhileOthersStartSeconds === undefined
      ? {}
      : { patienceWhileOthersStartSeconds: options.patienceWhileOthersStartSeconds }),
    uid: object.metadata.uid,
    ...(options.cause === undefined ? {} : { cause: options.cause }),
    key: `${object.metadata.uid} ${kind} ${log.container}`,
    ...log,
  };
}
