import type { ReportedIncident } from '../core/report-model.ts';
import type { ObjectMeta, Pod } from '../kube/objects.ts';
import type { Change } from '../kube/watch.ts';
import { findIncidents, orderIncidents } from './classify-incident.ts';
import { findAbsences, isStandingIn, type Maker, makerOf } from './find-absences.ts';
import { isMadeSince, type NamespaceFacts } from './namespace-facts.ts';
import type { NamespaceWatch } from './namespace-watch.ts';
import { controllerOf, hasEnded } from './pod-facts.ts';

/** A platform that falls over for an hour must not fill the report. */
const maxIncidents = 200;

/**
 * Records incidents of the pods of a platform from now until it is ended: of existing pods and of their replacements. Pods that
 * the tests start are ignored.
 */
export class PlatformWatch {
  readonly #watch: NamespaceWatch;
  readonly #known = new Map<string, Pod>();
  readonly #owners: ReadonlySet<string>;
  readonly #absences: readonly ReportedIncident[];
  /** Each with what makes its pod. */
  readonly #incidents: { incident: ReportedIncident; maker: Maker }[] = [];
  readonly #stop: () => void;
  #omitted = 0;

  /**
   * @param others.namespace the one of the platform: in any other that is watched, only what was made since `others.since` is
   *   its own, where that is given, for a chart may share a namespace with others.
   */
  constructor(watch: NamespaceWatch, others: { namespace: string; since: Date | undefined }) {
    this.#watch = watch;
    const isOurs = (object: { metadata: ObjectMeta }) =>
      (object.metadata.namespace ?? others.namespace) === others.namespace || isMadeSince(object, others.since);
    const { facts } = watch;
    const pods = watch.pods.filter(
      (pod) => !hasEnded(pod) && controllerOf(pod)?.kind !== 'Job' && isOurs(workloadOf(pod, facts)),
    );
    for (const pod of pods) this.#known.set(pod.metadata.uid, pod);
    this.#owners = new Set(pods.map((pod) => controllerOf(pod)?.uid).filter((uid) => uid !== undefined));
    const ofPlatform = {
      ...facts,
      deployments: facts.deployments.filter(isOurs),
      statefulSets: facts.statefulSets.filter(isOurs),
    };
    this.#absences = findAbsences(ofPlatform, new Date().toISOString());
    this.#stop = watch.onPodChange((change) => this.#take(change));
  }

  /** Ends the watch. What was wrong from the beginning, and what happened, in the order of time. */
  end(): ReportedIncident[] {
    this.#stop();
    const { facts } = this.#watch;
    const happened = this.#incidents.map(({ incident, maker }): ReportedIncident => {
      return isStandingIn(maker, facts) ? incident : { ...incident, lasts: true };
    });
    const told = orderIncidents([...this.#absences, ...happened]);
    const last = told.at(-1);
    if (this.#omitted === 0 || last === undefined) return told;
    return [...told, { ...last, what: `and ${this.#omitted} more incidents of the platform` }];
  }

  #take({ type, object }: Change<Pod>): void {
    const { uid } = object.metadata;
    const former = this.#known.get(uid);
    const isOurs = former !== undefined || this.#owners.has(controllerOf(object)?.uid ?? '');
    if (!isOurs) return;
    if (type === 'deleted') this.#known.delete(uid);
    else this.#known.set(uid, object);
    if (former === undefined) return;
    const now = type === 'deleted' ? undefined : object;
    const { facts } = this.#watch;
    const found = findIncidents(former, now, facts.events, new Date().toISOString());
    const room = Math.max(0, maxIncidents - this.#incidents.length);
    const maker = makerOf(former, facts);
    this.#incidents.push(...found.slice(0, room).map((incident) => ({ incident, maker })));
    this.#omitted += Math.max(0, found.length - room);
  }
}

/** What makes a pod, as far up as it is watched; the pod itself where nothing does. */
function workloadOf(pod: Pod, facts: NamespaceFacts): { metadata: ObjectMeta } {
  const all = [...facts.replicaSets, ...facts.statefulSets, ...facts.daemonSets, ...facts.deployments];
  const makerOfIt = (object: { metadata: ObjectMeta }) =>
    all.find(({ metadata }) => metadata.uid === controllerOf(object)?.uid);
  const maker = makerOfIt(pod);
  return (maker === undefined ? undefined : makerOfIt(maker)) ?? maker ?? pod;
}
