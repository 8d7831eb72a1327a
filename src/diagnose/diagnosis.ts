import { type Failure, type FailureKind, type FailureSubject, subjectOf, toOneLine } from '../core/outcome.ts';
import type { ObjectMeta, Pod } from '../kube/objects.ts';

/**
 * The object behind a diagnosis, by its path in the API: one that is missing, a quota or nodes that leave too little. Whoever is in
 * diagnosis for it looks again only after pauses, which may be minutes: the kubelet, and above all controllers.
 */
export type Cause =
  | { kind: 'missing'; path: string }
  /** `requested` by resource, as the quota counts it. */
  | { kind: 'quota'; path: string; requested: Readonly<Record<string, string>> }
  /** Room on a node for a pod, by resource. */
  | { kind: 'room'; requested: Readonly<Record<string, number>> };

/** What keeps a pod, or the object that should make it, from its work, and whether that can still heal by itself. */
export interface Diagnosis {
  failure: Failure;
  /**
   * `certain`: nothing can heal it, the wait may end now. `likely`: it heals only if something outside changes, so the
   * wait may end when it has stood for `patienceSeconds`. `transient`: it may well heal, and does not end a wait.
   */
  confidence: 'certain' | 'likely' | 'transient';
  /** While nothing else is on its way. */
  patienceSeconds: number;
  /**
   * While containers of other pods of the namespace run that are not ready yet, which may bring what this one lacks; half of
   * it while others are only in their init containers, which mostly wait themselves; without it, the same. While some have
   * not even begun to run (their images are being pulled) it is not given up at all.
   */
  patienceWhileOthersStartSeconds?: number;
  /** Of the object that is in trouble. */
  uid: string;
  /** What to look at before a wait is ended for it: it may have healed and nobody has noticed yet. */
  cause?: Cause;
  /** Stays the same while the words change from one attempt to the next. */
  key: string;
  /** Whose log proves it; both empty where no log can. */
  pod: string;
  container: string;
}

/**
 * What only an outside change could heal while everything stands still: a Secret, a class of storage, a quota. Helm
 * creates all objects of a phase within a second or two, and controllers and operators that run answer within a few more.
 * Whoever lacks the object may look again only later, which is why we look ourselves before we give up.
 */
export const standstillPatienceSeconds = 6;
/**
 * The same, while containers of other pods run that are not ready yet: an operator may bring it once it is, a crashing pod
 * may wait for its database. A database that needs two minutes is no fault; three are rarer than one.
 */
export const othersPatienceSeconds = 180;
/** A node, a provisioner or a container runtime that is away for a moment: as long as a restart of such a thing takes. */
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
