/** The cluster as its administrator sees it. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/** As much of any object as is looked at. */
export interface Item {
  metadata: {
    name: string;
    labels?: Record<string, string>;
    deletionTimestamp?: string;
    ownerReferences?: { kind: string; name: string }[];
  };
  spec: {
    replicas?: number;
    nodeName?: string;
    storageClassName?: string;
    volumeName?: string;
    nodeAffinity?: object;
    ingressClassName?: string;
    rules?: { host: string; http: { paths: { backend: { service: { name: string } } }[] } }[];
  };
  status: {
    phase?: string;
    readyReplicas?: number;
    updatedReplicas?: number;
    conditions?: { type: string; status: string; message?: string }[];
    containerStatuses?: { name: string; restartCount: number }[];
    expectedPods?: number;
    disruptionsAllowed?: number;
    currentMetrics?: { resource?: { current: { averageUtilization?: number } } }[];
    used?: Record<string, string>;
  };
  data?: Record<string, string>;
  type?: string;
}

/** The namespaces of the installation; those of `lab/production/*.yaml`. */
export const namespaces = {
  services: 'floe-services',
  platform: 'floe-staging',
  users: 'k8s-test-action',
  ingress: 'lab-ingress',
};
/** Labels of nodes: which has the disk, and the zone of each. */
export const diskLabel = 'floe.lab/disk';
export const zoneLabel = 'topology.kubernetes.io/zone';

export class LabCluster {
  readonly kubeconfigPath: string;

  constructor(kubeconfigPath: string) {
    this.kubeconfigPath = kubeconfigPath;
  }

  /** What kubectl prints. @throws with its message when it fails. */
  kubectl(args: string[], input = ''): string {
    const given = ['--kubeconfig', this.kubeconfigPath, ...args];
    return execFileSync('kubectl', given, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** The same for what takes its time. */
  kubectlBeside(args: string[]): Promise<{ stdout: string; stderr: string }> {
    return promisify(execFile)('kubectl', ['--kubeconfig', this.kubeconfigPath, ...args]);
  }

  /** @param kinds as kubectl takes them; of kinds that have no namespace, that does not matter. */
  list(kinds: string, namespace = namespaces.platform): Item[] {
    const said = this.kubectl(['get', kinds, '--namespace', namespace, '--output=json']);
    return (JSON.parse(said) as { items: Item[] }).items;
  }

  /** Ready pods of the platform: not those of the tests, and none that are on their way out. */
  listServing(): Item[] {
    return this.list('pods').filter(
      (pod) => componentOf(pod) !== '' && isTrue(pod, 'Ready') && pod.metadata.deletionTimestamp === undefined,
    );
  }

  /** The node that has the disk. */
  findDisk(): string {
    return this.list('nodes').find(({ metadata }) => metadata.labels?.[diskLabel] === 'true')!.metadata.name;
  }
}

/** Which program of the platform an object belongs to; empty for none. */
export function componentOf({ metadata }: Item): string {
  return metadata.labels?.['app.kubernetes.io/component'] ?? '';
}

/** Whether a condition of the object is true. */
export function isTrue({ status }: Item, type: string): boolean {
  return status.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;
}
