import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { sharedImage } from './global-setup.ts';
import { loadPlatformImages, sharedPlatform } from './platform-images.ts';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

// Exclusive: what it changes in the node of the shared cluster holds for all pods of it.

/**
 * kind's own network agent decides which connections the policies allow, and is asked by way of netfilter's queue 101
 * (images/kindnetd/cmd/kindnetd/main.go). Its rule is one of nftables, whose expression `queue` some kernels lack, the lab's
 * among them; this one of iptables asks the very same agent. Forwarded are the connections between pods.
 */
const rule = '-p tcp -m conntrack --ctstate NEW -j NFQUEUE --queue-num 101 --queue-bypass'.split(' ');

const kubectl = (...args: string[]) =>
  execFileSync('kubectl', ['--kubeconfig', inject('cluster').kubeconfigPath, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const inNodes = (...command: string[]) => {
  for (const node of inject('cluster').nodes) execFileSync('docker', ['exec', node, ...command], { stdio: 'pipe' });
};

beforeAll(() => loadPlatformImages(inject('cluster')));
beforeAll(() => inNodes('iptables', '-t', 'mangle', '-A', 'FORWARD', ...rule));
afterAll(() => inNodes('iptables', '-t', 'mangle', '-D', 'FORWARD', ...rule));

const connect = (host: string, port: number) =>
  `import socket; socket.create_connection(("${host}", ${port}), timeout=5).close()`;

/** Runs a command in a pod of a namespace, and returns how its container ended. */
function runPod(namespace: string, source: string): { exitCode: number; log: string } {
  const flags = ['--image', sharedImage, '--image-pull-policy=Never', '--restart=Never', '--command'];
  kubectl('--namespace', namespace, 'run', 'visitor', ...flags, '--', 'python3', '-c', source);
  kubectl(
    '--namespace',
    namespace,
    'wait',
    'pod/visitor',
    '--for=jsonpath={.status.containerStatuses[0].state.terminated}',
    '--timeout=90s',
  );
  const status = 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}';
  const exitCode = Number(kubectl('--namespace', namespace, 'get', 'pod', 'visitor', `--output=${status}`));
  return { exitCode, log: kubectl('--namespace', namespace, 'logs', 'visitor') };
}

test("the platform's own NetworkPolicies let the platform and tests do their work, and no other pods in", async () => {
  const suite = `
import pytest, socket

def reach(host, port):
    socket.create_connection((host, port), timeout=5).close()

def test_the_tests_reach_the_platform():
    reach("dagster-webserver", 3000)

def test_the_tests_do_not_reach_its_database():
    with pytest.raises(TimeoutError):
        reach("postgres", 5432)
`;
  const run = await runOnSharedCluster({
    script: pytestScript(suite),
    // Its pods are ready only when they reach its database.
    given: {
      profile: 'minimal',
      values: path.resolve('examples/floe/deploy/values.yaml'),
      set: `${sharedPlatform}\nnetworkPolicies.enabled=true`,
    },
    keepNamespace: true,
  });
  expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { passed: 2 } });

  const { namespace } = run.onDisk.cluster!;
  const outside = `${namespace}-outside`;
  kubectl('create', 'namespace', outside);
  try {
    const webserver = `dagster-webserver.${namespace}`;
    const visit = runPod(outside, connect(webserver, 3000));
    expect(visit, visit.log).toMatchObject({ exitCode: 1, log: expect.stringContaining('TimeoutError') });
    // It is the policy that kept it out: without one it is let in.
    kubectl('--namespace', namespace, 'delete', 'networkpolicy', '--all');
    kubectl('--namespace', outside, 'delete', 'pod', 'visitor');
    await expect
      .poll(
        () => {
          const again = runPod(outside, connect(webserver, 3000));
          kubectl('--namespace', outside, 'delete', 'pod', 'visitor');
          return again;
        },
        { timeout: 120_000 },
      )
      .toMatchObject({ exitCode: 0 });
  } finally {
    kubectl('delete', 'namespace', outside, '--wait=false');
  }
});
