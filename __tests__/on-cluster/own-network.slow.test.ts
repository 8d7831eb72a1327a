import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { nodeImages } from '../../src/tools/versions.ts';
import { nodeImageFlags, startCommand } from './command-line.ts';
import { testImage } from './global-setup.ts';
import { pytestScript } from './run-on-shared-cluster.ts';
import { deployment, service, shell, writeChart } from './write-chart.ts';

/** kind's own network, as its node image brings it for nodes that have none, for the subnet that kind gives to pods. */
function readNetwork(): string {
  const image = nodeImageFlags.at(-1) ?? nodeImages['v1.34.8'];
  const args = ['run', '--rm', '--entrypoint', 'cat', image, '/kind/manifests/default-cni.yaml'];
  const text = execFileSync('docker', args, { encoding: 'utf8' });
  return text.replaceAll(/\{\{ ?\.PodSubnet ?\}\}/g, '10.244.0.0/16');
}

test('a chart that brings the network of a cluster that kind made without one is installed, and its tests run in that network', async () => {
  const config = path.join(mkdtempSync(path.join(tmpdir(), 'own-network-')), 'kind.yaml');
  writeFileSync(
    config,
    'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking: {disableDefaultCNI: yes, podSubnet: 10.244.0.0/16}\n',
  );
  const web = {
    image: testImage,
    command: shell('exec python3 -m http.server 8000'),
    readinessProbe: { httpGet: { path: '/', port: 8000 }, periodSeconds: 1 },
  };
  const chart = writeChart({
    'network.yaml': readNetwork(),
    'web.yaml': deployment('web', web),
    'service.yaml': service('web', 8000),
  });
  const script = pytestScript(
    'import urllib.request\ndef test_web(): assert urllib.request.urlopen("http://web:8000", timeout=10).status == 200\n',
  );
  const args = ['run', ...nodeImageFlags, '--kind-config', config, '--chart', chart, '--image', testImage];
  const end = await startCommand([...args, '--command', JSON.stringify(['sh', '-c', script])]).ended;
  expect(end.verdict, end.output).toMatchObject({ outcome: 'passed', tests: { total: 1, passed: 1 }, warnings: [] });
  // The network runs in a namespace that is not the release's.
  expect(readdirSync(path.join(end.resultsDir, 'logs', 'kube-system')).join()).toContain('kindnet');
});
