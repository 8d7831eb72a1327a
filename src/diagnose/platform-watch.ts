import type { Pod } from '../kube/objects.ts';
import type { Change } from '../kube/watch.ts';
import type { ReportedIncident } from '../report/report-input.ts';
import { findIncidents, orderIncidents } from './classify-incident.ts';
import type { NamespaceWatch } from './namespace-watch.ts';
import { controllerOf, hasEnded } from './pod-facts.ts';

/** A platform that falls over for an hour must not fill the report. */
const maxIncidents = 200;

/**
 * Notes what happens to the pods of a platform from now until it is ended: to those that are there now, and to those that
 * take their places. What the tests start themselves is none of its business.
 */
export class PlatformWatch {
  readonly #watch: NamespaceWatch;
  readonly #known = new Map<string, Pod>();
  readonly #owners: ReadonlySet<string>;
  readonly #incidents: ReportedIncident[] = [];
  readonly #stop: () => void;
  #omitted = 0;

  constructor(watch: NamespaceWatch) {
    this.#watch = watch;
    const pods = watch.pods.filter((pod) => !hasEnded(pod) && controllerOf(pod)?.kind !== 'Job');
    for (const pod of pods) this.#known.set(pod.metadata.uid, pod);
    this.#owners = new Set(pods.map((pod) => controllerOf(pod)?.uid).filter((uid) => uid !== undefined));
    this.#stop = watch.onPodChange((change) => this.#take(change));
  }

  /** Ends the watch. What happened, in the order of time. */
  end(): ReportedIncident[] {
    this.#stop();
    const told = orderIncidents(this.#incidents);
    if (this.#omitted === 0) return told;
    const last = told.at(-1)!;
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
    const found = findIncidents(former, now, this.#watch.events, new Date().toISOString());
    const room = Math.max(0, maxIncidents - this.#incidents.length);
    this.#incidents.push(...found.slice(0, room));
    this.#omitted += Math.max(0, found.length - room);
  }
}
