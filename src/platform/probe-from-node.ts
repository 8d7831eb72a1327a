import { execInContainer } from '../cluster/docker.ts';
import type { Reached, Target } from './judge-services.ts';

/**
 * Tries the network of a cluster from one of its nodes, where kube-proxy's rules hold as they do for pods. It needs only the
 * bash and the coreutils that every Kind node has, and no image. It does not cover NetworkPolicies, which treat a node
 * otherwise than a pod.
 */
export interface NodeProbe {
  /** Whether the DNS server answers at all. */
  dns: 'answers' | 'silent';
  /** In the order of the targets. */
  reached: Reached[];
  /** Why the node could not be asked; empty when it could. */
  problem: string;
}

const answerSeconds = 2;
const deadlineSeconds = 20;
const maxTargets = 64;

/**
 * Each connection in a process of its own, so that all together take as long as the slowest. Bash refuses and times out
 * with exit statuses of its own; a DNS answer is one datagram, and so is the question, which dd sends in one piece.
 */
const script = `
ask_dns() {
  exec 3<>"/dev/udp/$1/53" || return 1
  printf %b "$2" | dd bs=512 count=1 iflag=fullblock status=none >&3
  [ "$(timeout ${answerSeconds} dd bs=512 count=1 status=none <&3 | wc -c)" -gt 11 ]
}
dns=$1 question=$2; shift 2
( ask_dns "$dns" "$question" 2>/dev/null; echo "dns 0 $?" ) &
index=0
while [ $# -gt 0 ]; do
  ( timeout ${answerSeconds} bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; echo "tcp $index $?" ) &
  index=$((index + 1)); shift 2
done
wait
`;

/** `dnsAddress` is that of the cluster's DNS Service. */
export async function probeFromNode(
  node: string,
  dnsAddress: string,
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<NodeProbe> {
  const asked = targets.slice(0, maxTargets);
  const question = escapeBytes(dnsQuestion('kubernetes.default.svc.cluster.local'));
  const pairs = asked.flatMap(({ address, port }) => [address, String(port)]);
  const command = ['bash', '-c', script, 'probe', dnsAddress, question, ...pairs];
  const run = await execInContainer(node, command, { signal, timeoutSeconds: deadlineSeconds });
  signal.throwIfAborted();
  return readProbe(run.stdout, targets.length, run.exitCode === 0 ? '' : run.stderr);
}

/** What the script printed. Targets that were not tried count as well. */
export function readProbe(output: string, targetCount: number, problem: string): NodeProbe {
  const reached: Reached[] = Array.from({ length: targetCount }, () => 'accepted');
  let dns: NodeProbe['dns'] = 'answers';
  for (const [, what, index, status] of output.matchAll(/^(dns|tcp) (\d+) (\d+)$/gm)) {
    if (what === 'dns') dns = status === '0' ? 'answers' : 'silent';
    // timeout ends with 124, and bash with 1 when the connection is refused.
    else reached[Number(index)] = status === '0' ? 'accepted' : status === '124' ? 'silent' : 'refused';
  }
  return { dns, reached, problem };
}

/** A question for the address of a name, https://www.rfc-editor.org/rfc/rfc1035#section-4 */
export function dnsQuestion(name: string): Buffer {
  const header = Buffer.from([0x5a, 0x5a, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'ascii')]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/** For printf's %b. */
function escapeBytes(bytes: Buffer): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
