import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { noteMachine } from '../on-cluster/dockers.ts';
import { interruptedCounts, interruptedScript } from '../on-cluster/run-on-shared-cluster.ts';
import { bootGuest, type Guest } from './guest.ts';

// One guest and one kept cluster for the whole file, since a cluster takes minutes there.

const nodeImage = process.env.FLOE_LAB_NODE_IMAGE ?? '';
const bare = ['--profile', 'none', '--image', 'floe-test-runner:dev'];
let guest: Guest;
/** Variables of bash that lead to the cluster. */
let variables: string;

beforeAll(async () => {
  guest = await bootGuest();
  const up = await call('up', ['up', ...bare, '--node-image', nodeImage]);
  if (up.status !== 0) throw new Error(up.output);
  const [, kubeconfig] = /export KUBECONFIG=(\S+)/.exec(up.output) ?? [];
  const [, cluster] = /cluster (\S+) is kept/.exec(up.output) ?? [];
  variables = `export KUBECONFIG=${kubeconfig}\nnode=${cluster}-control-plane\n`;
});
afterAll(() => guest?.end());

/** Calls the command line in `~/work`, with one results directory for all calls, which the nodes see. */
async function call(name: string, args: string[]): Promise<{ status: number; output: string; verdict: Verdict }> {
  const words = args.map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const { status, output } = await guest.run(
    name,
    `status=0
node /share/checkout/dist/cli.js ${words.join(' ')} --results-dir "$HOME/results" || status=$?
sudo cp "$HOME/results/result.json" /share/${name}.json
exit "$status"`,
  );
  return { status, output, verdict: JSON.parse(guest.read(`${name}.json`)) as Verdict };
}

function runScript(name: string, script: string, ...flags: string[]) {
  const command = JSON.stringify(['sh', '-c', script]);
  return call(name, ['rerun', ...bare, '--command', command, '--test-helper', 'on', ...flags]);
}

async function kubectl(name: string, script: string): Promise<string> {
  const { status, output } = await guest.run(name, variables + script);
  expect(status, output).toBe(0);
  return output;
}

describe('a cluster on cgroup v2, of user runner on docker 28', () => {
  test('kills all of the test container for a child out of memory, and the first line of the verdict says so', async () => {
    const child =
      'import subprocess, sys; subprocess.run([sys.executable, "-c", "x = [bytearray(1 << 20) for _ in range(500)]"])';
    const { status, output, verdict } = await runScript('oom', interruptedScript(child), '--memory', '96Mi');
    expect(status, output).toBe(1);
    // The child was killed, and pytest, which waited for it, has not lived on.
    expect(output).toMatch(
      /^✗ failed: oom — the test container was killed for memory at its limit of 96Mi \(96Mi in use when python3? was killed, .*\); 3 of 5 tests finished, in flight: test_deed, 1 not run$/m,
    );
    expect(verdict).toMatchObject({ failure: { kind: 'oom' }, tests: interruptedCounts });
    noteMachine('guest: a Kind cluster on cgroup v2, docker 28.5.2, as runner (uid 1001)');
  });

  test('evicts tests that fill the disk, which is reported in the words of the kubelet', async () => {
    await kubectl(
      'small-disk',
      `kubectl apply --filename - <<'Y'
apiVersion: v1
kind: LimitRange
metadata: {name: small-disk, namespace: floe-test}
spec: {limits: [{type: Container, default: {ephemeral-storage: 20Mi}}]}
Y`,
    );
    const run = await runScript('evicted', interruptedScript('open("/tmp/core", "wb").write(bytes(60_000_000))'));
    await kubectl('large-disk', 'kubectl --namespace floe-test delete limitrange small-disk');
    expect(run.verdict, run.output).toMatchObject({ failure: { kind: 'evicted' }, tests: interruptedCounts });
    expect(run.verdict.failure?.reason).toMatch(/was evicted from node \S+: .*exceeds.*20Mi/);
  });

  test("enforces NetworkPolicies by the rules of kind's own network agent", async () => {
    const output = await kubectl(
      'policies',
      `kubectl create namespace walls
until kubectl --namespace walls get serviceaccount default >/dev/null 2>&1; do sleep 2; done
kubectl --namespace walls apply --filename - <<'Y'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: walls}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {may: enter}}}]}]}
Y
run() { kubectl --namespace walls run "$1" --labels "$2" --image floe-test-runner:dev --image-pull-policy Never --restart Never --command -- "\${@:3}"; }
run web app=web python3 -m http.server 8000
kubectl --namespace walls wait pod/web --for condition=Ready --timeout 10m
address=$(kubectl --namespace walls get pod web --output 'jsonpath={.status.podIP}')
for may in enter not; do
  run "visitor-$may" "may=$may" python3 -c "import socket; socket.create_connection(('$address', 8000), timeout=20)"
  kubectl --namespace walls wait "pod/visitor-$may" --for 'jsonpath={.status.containerStatuses[0].state.terminated}' --timeout 10m
  echo "may $may: $(kubectl --namespace walls get pod "visitor-$may" --output 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}') $(kubectl --namespace walls logs "visitor-$may" | tail -n 1)"
done
docker exec "$node" nft list table inet kindnet-network-policies
# grep fails when it counts none.
docker exec "$node" iptables-save | grep -c NFQUEUE || true`,
    );
    expect(output).toMatch(/^may enter: 0 *$/m);
    expect(output).toMatch(/^may not: 1 TimeoutError: timed out$/m);
    // Unlike on the lab's own kernel, no rule of ours asks that agent.
    expect(output).toMatch(/^\s*ip daddr @podips-v4 queue flags bypass to 101 /m);
    expect(output).toMatch(/^0$/m);
  });
});
