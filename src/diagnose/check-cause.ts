import { readQuantity } from '../core/quantity.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Node, Pod } from '../kube/objects.ts';
import { listResources } from '../kube/resources.ts';
import { makesRoom } from './classify-schedule.ts';
import type { Cause } from './diagnosis.ts';

const callSeconds = 5;

interface Quota {
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}

/**
 * Whether the cause of a diagnosis still exists: `stands`, `healed` (only the controller has not noticed yet) or about to be,
 * or `unknown` where we have no permission or get no answer.
 * @throws the signal's reason on abort.
 */
export async function checkCause(
  connection: KubeConnection,
  cause: Cause,
  signal: AbortSignal,
): Promise<'stands' | 'healed' | 'unknown'> {
  try {
    if (cause.kind === 'room') {
      const hurry = AbortSignal.any([signal, AbortSignal.timeout(callSeconds * 1000)]);
      const [nodes, pods] = await Promise.all([
        listResources<Node>(connection, '/api/v1/nodes', hurry),
        listResources<Pod>(connection, '/api/v1/pods', hurry),
      ]);
      return makesRoom(nodes, pods, cause.requested) ? 'healed' : 'stands';
    }
    const object = await connection.call<Quota>('GET', cause.path, { signal, deadlineSeconds: callSeconds });
    return cause.kind === 'missing' || leavesRoom(object, cause.requested) ? 'healed' : 'stands';
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ApiError) || error.status !== 404) return 'unknown';
    return cause.kind === 'missing' ? 'stands' : 'healed';
  }
}

/** Whether a quota grants by now what it refused. */
export function leavesRoom({ status }: Quota, requested: Readonly<Record<string, string>>): boolean {
  return Object.entries(requested).every(([resource, amount]) => {
    const hard = readQuantity(status?.hard?.[resource]);
    if (hard === undefined) return true;
    return (readQuantity(status?.used?.[resource]) ?? 0) + (readQuantity(amount) ?? 0) <= hard;
  });
}
