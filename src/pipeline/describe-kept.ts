/** How to get at a cluster that is kept: the exact commands, for a reader who will copy them. */

import { nameCommand } from '../core/name-command.ts';
import { connect } from '../kube/connection.ts';
import type { Service } from '../kube/objects.ts';
import { listResources } from '../kube/resources.ts';

export interface KeptView {
  /** The cluster, or the namespace of one that is not ours. */
  what: string;
  namespace: string;
  kubeconfigPath: string;
  /** Why it is kept. */
  why: string;
  /** The test pod and its container; undefined where none was started. */
  pod: { name: string; container: string } | undefined;
  services: { name: string; port: number }[];
  /** The tier that `rerun` is to be reported; undefined where it cannot be used. */
  againTier: string | undefined;
}

/** Services of a namespace that have an address of their own; none when the cluster does not answer. */
export async function readServices(kubeconfigPath: string, namespace: string): Promise<KeptView['services']> {
  try {
    const connection = connect({ kubeconfigPath, deadlineSeconds: 5 });
    const path = `/api/v1/namespaces/${namespace}/services`;
    const services = await listResources<Service>(connection, path, AbortSignal.timeout(10_000));
    await connection.close();
    return services.flatMap(({ metadata, spec }) => {
      const port = spec?.ports?.[0]?.port;
      return port === undefined || spec?.clusterIP === 'None' ? [] : [{ name: metadata.name, port }];
    });
  } catch {
    // A reader of the lines notices that at the first of them.
    return [];
  }
}

/** Pure. */
export function describeKept(view: KeptView): string[] {
  const { what, namespace, pod, services } = view;
  const kubectl = `kubectl --namespace ${namespace}`;
  const lines = [
    `${what} is kept (${view.why}). To look at it:`,
    `  export KUBECONFIG=${view.kubeconfigPath}`,
    `  ${kubectl} get pods,jobs,events`,
  ];
  if (pod !== undefined)
    lines.push(
      'A shell in a copy of the test pod, with its image, variables and volumes; its own log is in the results:',
      `  ${kubectl} debug ${pod.name} --stdin --tty --copy-to=look --container=${pod.container} -- sh`,
    );
  const [service] = services;
  if (service !== undefined)
    lines.push(
      `A Service on this machine, at http://localhost:${localPort(service.port)}${services.length > 1 ? `; there are ${services.map((one) => one.name).join(', ')}` : ''}:`,
      `  ${kubectl} port-forward service/${service.name} ${localPort(service.port)}:${service.port}`,
    );
  if (view.againTier !== undefined)
    lines.push(
      'To run the tests in it again, with what has changed since:',
      `  ${nameCommand(`rerun --tier ${view.againTier}`)}`,
    );
  lines.push('To remove it:', `  ${nameCommand('down')}`);
  return lines;
}

/** Ports below 1024 are for root. */
function localPort(port: number): number {
  return port < 1024 ? 8000 + port : port;
}
