import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { collectEvidence } from '../../src/diagnose/collect-evidence.ts';
import { connect } from '../../src/kube/connection.ts';
import { listen, writePlainKubeconfig } from '../kube/loopback-kubeconfig.ts';

const podOf = (name: string) => ({
  metadata: { name, uid: name },
  spec: { containers: [{ name: 'main' }] },
  status: { containerStatuses: [{ name: 'main', restartCount: 0, state: { running: {} } }] },
});

/** A cluster with pods on nodes that send nothing of a log, or its beginning and no more, and one on a node that is well. */
async function collect(stuck: number) {
  const names = Array.from({ length: stuck }, (_, i) => `stuck-${i}`);
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x');
    const pod = url.pathname.split('/').at(-2) ?? '';
    if (url.pathname.endsWith('/log')) {
      if (pod === 'well') response.end('all is well\n');
      else if (pod === 'stuck-0') response.write('it begins\n');
      return;
    }
    const items = url.pathname.endsWith('/pods') ? [...names, 'well'].map(podOf) : [];
    response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items }));
  });
  const connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(server)) });
  onTestFinished(async () => {
    await connection.close();
    server.closeAllConnections();
    server.close();
  });
  const directory = mkdtempSync(path.join(tmpdir(), 'evidence-'));
  const logsDir = path.join(directory, 'logs');
  const evidence = await collectEvidence({
    connection,
    namespace: 'ns',
    clusterDir: path.join(directory, 'cluster'),
    logsDir,
    mask: new SecretMask([]),
    alreadyLogged: [],
    signal: new AbortController().signal,
    limits: { logSeconds: 1, logsSeconds: 5 },
  });
  return { evidence, logOf: (pod: string) => readFileSync(path.join(logsDir, pod, 'main.log'), 'utf8') };
}

test('logs that never end take nothing of the others, are named, and what came of them is kept', async () => {
  const { evidence, logOf } = await collect(8);
  expect(logOf('well')).toBe('all is well\n');
  expect(logOf('stuck-0')).toBe('it begins\n');
  expect(evidence.problems).toHaveLength(8);
  for (const problem of evidence.problems)
    expect(problem).toMatch(/^logs\/stuck-\d\/main\.log could not be collected: /);
  expect(evidence.logs.find(({ pod }) => pod === 'well')?.lastLines).toEqual(['all is well']);
});

test('hundreds of them end together', async () => {
  const { evidence } = await collect(200);
  expect(evidence.problems.length).toBeGreaterThanOrEqual(200);
});
