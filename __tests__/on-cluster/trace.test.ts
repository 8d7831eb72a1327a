import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { spansOf, startCollector } from '../support/otlp-collector.ts';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

afterEach(() => vi.unstubAllEnvs());

/** What a test in the pod was given, as its report says, and the spans that the collector has of the run, by name. */
async function runTraced(given: Record<string, string> = {}) {
  const { got, address } = await startCollector();
  const run = await runOnSharedCluster({
    script: pytestScript(`
import os
def test_calls_the_platform(record_property):
  record_property("given", os.environ.get("TRACEPARENT", "none"))
def test_fails():
  assert False`),
    given: { 'otlp-endpoint': address, ...given },
  });
  expect(run.onDisk, run.printed.join('\n')).toMatchObject({ tests: { total: 2, passed: 1, failed: 1 } });
  const report = readFileSync(path.join(run.dir.junit, 'junit.xml'), 'utf8');
  const spans = got.flatMap(({ body }) => spansOf(body));
  return {
    run,
    given: /name="given" value="([^"]*)"/.exec(report)?.[1],
    byName: new Map(spans.map((span) => [span.name, span])),
    spans,
  };
}

test('a test in its pod is given the trace and the span below which the run exports it', async () => {
  const { run, given, spans, byName } = await runTraced();
  const [root, tests] = ['k8s-test integration', 'tests'].map((name) => byName.get(name));
  expect(given).toBe(`00-${root?.traceId}-${tests?.spanId}-01`);
  expect(tests?.parentSpanId).toBe(root?.spanId);
  for (const name of ['test_calls_the_platform', 'test_fails'])
    expect(byName.get(name)).toMatchObject({ traceId: root?.traceId, parentSpanId: tests?.spanId });
  expect(byName.get('test_fails')?.status.code).toBe(2);
  // A request of the test happens while its span is open: a platform's span that hangs below it lies within.
  const during = (inner: string, outer: string) => {
    const [one, other] = [byName.get(inner), byName.get(outer)];
    expect(BigInt(one?.startTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(BigInt(other?.startTimeUnixNano ?? 0));
    expect(BigInt(one?.endTimeUnixNano ?? 0)).toBeLessThanOrEqual(BigInt(other?.endTimeUnixNano ?? 0));
  };
  during('test_fails', 'k8s-test integration');
  during('tests', 'k8s-test integration');
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  expect(run.onDisk.warnings).toEqual([]);
});

test('a run inside a trace gives its tests that trace, and those with a TRACEPARENT of their own keep it', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  vi.stubEnv('TRACEPARENT', `00-${traceId}-b7ad6b7169203331-01`);
  const joined = await runTraced();
  const root = joined.byName.get('k8s-test integration');
  expect(root).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331' });
  expect(joined.given).toBe(`00-${traceId}-${joined.byName.get('tests')?.spanId}-01`);
  const own = await runTraced({ env: 'TRACEPARENT=mine' });
  expect(own.given).toBe('mine');
});
