import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { readQuantity } from '../../src/core/quantity.ts';
import { addSummary, askedBy, type NodeSummary, UsageMeter } from '../../src/diagnose/measure-usage.ts';
import { connect } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { listen, writePlainKubeconfig } from '../kube/loopback-kubeconfig.ts';

/** The answer of a real kubelet. */
const { summary } = JSON.parse(readFileSync(new URL('recorded-lives.json', import.meta.url), 'utf8')) as {
  summary: NodeSummary;
};
const pod: Pod = {
  metadata: { name: 'restarted', uid: 'u' },
  spec: {
    nodeName: 'node',
    containers: [
      { name: 'server', resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '1Gi' } } },
      { name: 'free' },
    ],
  },
};

test.each([
  ['512Mi', 536_870_912],
  ['1G', 1e9],
  ['250m', 0.25],
  ['2', 2],
  ['1e3', 1000],
  ['0.5', 0.5],
  ['12k', 12_000],
])('the quantity %s is %d', (text, value) => expect(readQuantity(text)).toBeCloseTo(value, 9));

test.each(['', 'x', '1 Gi', '1gi', undefined])('%j is no quantity', (text) =>
  expect(readQuantity(text)).toBeUndefined(),
);

test('peaks only rise, and only those of the namespace are kept', () => {
  const peaks = new Map();
  addSummary(peaks, summary, 'present-facts');
  expect([...peaks.keys()]).toEqual(['restarted/server']);
  const first = peaks.get('restarted/server');
  expect(first).toEqual({ cpuPeakCores: 0.000226359, memoryPeakBytes: 544_768 });
  const lower = {
    pods: [
      {
        podRef: { name: 'restarted', namespace: 'present-facts' },
        containers: [{ name: 'server', memory: { workingSetBytes: 1 } }],
      },
    ],
  };
  addSummary(peaks, lower, 'present-facts');
  expect(peaks.get('restarted/server')).toEqual(first);
});

test('a container that the kubelet has not measured yet is not one that uses nothing', () => {
  const peaks = new Map();
  const containers = [{ name: 'server', cpu: { usageNanoCores: 0 }, memory: { workingSetBytes: 0 } }, { name: 'new' }];
  addSummary(peaks, { pods: [{ podRef: { name: 'young', namespace: 'n' }, containers }] }, 'n');
  expect([...peaks.keys()]).toEqual([]);
});

test('what a container does not ask for is absent, not zero', () => {
  expect(askedBy(pod)).toEqual([
    {
      pod: 'restarted',
      container: 'server',
      cpuRequestCores: 0.1,
      memoryRequestBytes: 64 * 2 ** 20,
      memoryLimitBytes: 2 ** 30,
    },
    { pod: 'restarted', container: 'free' },
  ]);
});

describe('measuring', () => {
  const ended: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const end of ended.splice(0)) await end();
  });

  async function meterOf(handler: RequestListener): Promise<{ meter: UsageMeter; stop: AbortController }> {
    const server = createServer(handler);
    ended.push(() => void server.close());
    const connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(server)) });
    ended.push(() => connection.close());
    const stop = new AbortController();
    const options = { connection, namespace: 'present-facts', pods: () => [pod], signal: stop.signal };
    return { meter: new UsageMeter({ ...options, everySeconds: 0.01 }), stop };
  }

  test('continues after a failed read, and ends with its signal', async () => {
    let looks = 0;
    const { meter, stop } = await meterOf((_, response) => {
      looks++;
      if (looks === 3) stop.abort();
      response.statusCode = looks === 1 ? 503 : 200;
      response.end(JSON.stringify(looks === 1 ? {} : summary));
    });
    await meter.run();
    expect(looks).toBe(3);
    expect(meter.problem).toBe('');
    expect(meter.peakOf('restarted', 'server')?.memoryPeakBytes).toBe(544_768);
    expect(meter.report()).toEqual([
      expect.objectContaining({
        pod: 'restarted',
        container: 'server',
        memoryPeakBytes: 544_768,
        memoryLimitBytes: 2 ** 30,
      }),
    ]);
  });

  test('ends at once where the cluster forbids it, and names the permission it needs', async () => {
    let looks = 0;
    const { meter } = await meterOf((_, response) => {
      looks++;
      response.writeHead(403).end(JSON.stringify({ kind: 'Status', message: 'nodes "node" is forbidden' }));
    });
    await meter.run();
    expect(looks).toBe(1);
    expect(meter.problem).toBe(
      'CPU and memory were not measured: nodes "node" is forbidden (it needs get on nodes/proxy)',
    );
    expect(meter.report()).toEqual([]);
  });
});
