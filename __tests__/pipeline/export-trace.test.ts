import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { spanIdOf, traceOf, traceparentOfTests } from '../../src/core/trace-context.ts';
import type { RawInputs } from '../../src/inputs/schema.ts';
import { exportTrace, traceEndpoint, withTraceparent } from '../../src/pipeline/export-trace.ts';
import { renderOtlp } from '../../src/report/otlp-trace.ts';
import { makeInput, makeTest, restlessRun } from '../report/sample-runs.ts';
import { spansOf, startCollector } from '../support/otlp-collector.ts';
import { runUnitTier } from './unit-tier.ts';

afterEach(() => vi.unstubAllEnvs());

/** Tier unit, whose command writes a report and the trace that it was given. */
async function runTraced(given: RawInputs) {
  const report =
    '<testsuite name="s" tests="2"><testcase name="adds" classname="shop" time="0.5"/><testcase name="pays"><failure message="hunter2-token is wrong"/></testcase></testsuite>';
  const script = `const fs = require('fs'); fs.writeFileSync(process.argv[1], '${report}'); fs.writeFileSync(process.argv[1] + '.trace', String(process.env.TRACEPARENT)); process.exit(1)`;
  const end = await runUnitTier(script, given);
  return { ...end, given: readFileSync(path.join(end.dir.results, 'junit.xml.trace'), 'utf8') };
}

test('a run is one trace: its phases below it, its tests below their phase, secrets masked', async () => {
  const { got, address } = await startCollector();
  vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-tenant=shop%20team,authorization=Bearer abc');
  const { warnings, given, verdict } = await runTraced({ 'otlp-endpoint': address, secrets: 'TOKEN=hunter2-token' });
  expect(warnings).toEqual([]);
  expect(verdict.outcome).toBe('failed');
  expect(got).toHaveLength(1);
  expect(got[0]?.url).toBe('/v1/traces');
  expect(got[0]?.headers).toMatchObject({ 'x-tenant': 'shop team', authorization: 'Bearer abc' });
  expect(got[0]?.body).not.toContain('hunter2');
  const spans = spansOf(got[0]?.body ?? '');
  const byName = new Map(spans.map((span) => [span.name, span]));
  const [run, tests, pays] = ['k8s-test unit', 'tests', 'pays'].map((name) => byName.get(name));
  expect(spans.map(({ name }) => name)).toEqual(['k8s-test unit', 'tests', 'results', 'adds', 'pays']);
  expect(run?.parentSpanId).toBeUndefined();
  expect(tests?.parentSpanId).toBe(run?.spanId);
  expect(pays?.parentSpanId).toBe(tests?.spanId);
  expect(pays?.status).toEqual({ code: 2, message: expect.stringContaining('is wrong') });
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  // What the platform does for the tests hangs below the phase in which they run.
  expect(given).toBe(`00-${run?.traceId}-${tests?.spanId}-01`);
});

test('a collector that is not there or refuses is a warning, and the verdict stays', async () => {
  const { address } = await startCollector(503);
  const refused = await runTraced({ 'otlp-endpoint': `${address}/secret-path` });
  expect(refused.verdict.failure?.kind).toBe('test');
  expect(refused.warnings).toEqual([
    expect.stringMatching(/^the trace of this run was not exported to 127\.0\.0\.1:\d+: it answered 503/),
  ]);
  expect(refused.verdict.warnings).toEqual(refused.warnings);
  expect(refused.warnings.join()).not.toContain('secret-path');
  const absent = await runTraced({ 'otlp-endpoint': 'http://127.0.0.1:9' });
  expect(absent.warnings).toEqual([expect.stringContaining('127.0.0.1:9')]);
});

test('a collector that never answers does not keep a cancelled run', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1/traces`;
  const started = performance.now();
  const input = { ...makeInput({}, [makeTest()]), startedAt: '2026-11-29T10:00:00Z' };
  const problem = await exportTrace(input, { endpoint, trace: traceOf('r', {}), env: {}, isCancelled: true });
  expect(problem).toContain('it did not answer in time');
  expect(performance.now() - started).toBeLessThan(5000);
});

test('all jobs of one attempt of a workflow run are in one trace, and another attempt is in another', () => {
  const job = {
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'a/b',
    GITHUB_RUN_ID: '7',
    GITHUB_RUN_ATTEMPT: '1',
  };
  const [one, two] = [traceOf('one', job), traceOf('two', job)];
  expect(one.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(two.traceId).toBe(one.traceId);
  expect(spanIdOf(two, 'run')).not.toBe(spanIdOf(one, 'run'));
  expect(traceOf('one', { ...job, GITHUB_RUN_ATTEMPT: '2' }).traceId).not.toBe(one.traceId);
  expect(traceOf('one', {}).traceId).not.toBe(traceOf('two', {}).traceId);
});

test('a run inside a trace joins it by TRACEPARENT, and one that is none is not taken', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const joined = traceOf('r', { TRACEPARENT: `00-${traceId}-b7ad6b7169203331-01` });
  expect(joined).toEqual({ traceId, parentSpanId: 'b7ad6b7169203331', runId: 'r' });
  const [body = ''] = renderOtlp({ ...makeInput({}, []), startedAt: '2026-11-29T10:00:00Z' }, joined);
  expect(spansOf(body)[0]?.parentSpanId).toBe('b7ad6b7169203331');
  for (const wrong of [
    '',
    'x',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}`,
  ])
    expect(traceOf('r', { TRACEPARENT: wrong }).parentSpanId).toBeUndefined();
});

test('tests keep a TRACEPARENT that they are given, and get none where nothing is traced', () => {
  const trace = traceOf('r', {});
  expect(withTraceparent([], trace, true)).toEqual([['TRACEPARENT', traceparentOfTests(trace)]]);
  expect(withTraceparent([['TRACEPARENT', 'mine']], trace, true)).toEqual([['TRACEPARENT', 'mine']]);
  expect(withTraceparent([], trace, false)).toEqual([]);
});

test('the endpoint is the input, else the value of the environment as OpenTelemetry specifies it', () => {
  expect(traceEndpoint(undefined, {})).toBeUndefined();
  expect(traceEndpoint(undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' })).toBe('http://c:4318/v1/traces');
  expect(traceEndpoint(undefined, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/t' })).toBe('http://c/t');
  expect(traceEndpoint('http://mine', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/t' })).toBe(
    'http://mine/v1/traces',
  );
  expect(
    traceEndpoint(undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_SDK_DISABLED: 'true' }),
  ).toBeUndefined();
});

test('incidents of the platform are spans below the run, and thousands of tests go in several requests', () => {
  const many = Array.from({ length: 6000 }, (_, i) => makeTest({ name: `t${i}`, seconds: i / 100 }));
  many.push(makeTest({ name: 'red', status: 'failed', seconds: 0 }));
  const input = { ...restlessRun, tests: many, startedAt: '2026-11-29T10:00:00.000Z' };
  const bodies = [...renderOtlp(input, traceOf('r', {}))];
  expect(bodies.length).toBeGreaterThan(9);
  const spans = bodies.flatMap(spansOf);
  expect(spans.filter(({ name }) => /^(t\d+|red)$/.test(name))).toHaveLength(5000);
  expect(spans.some(({ name }) => name === 'red')).toBe(true);
  const incidents = restlessRun.incidents ?? [];
  expect(incidents.length).toBeGreaterThan(0);
  const told = spans.filter(({ attributes }) => attributes.some(({ key }) => key === 'k8s.pod.name'));
  expect(told).toHaveLength(incidents.length);
  expect(told[0]?.parentSpanId).toBe(spans[0]?.spanId);
  expect(told[0]?.startTimeUnixNano).toBe(`${BigInt(Date.parse(incidents[0]?.at ?? '')) * 1_000_000n}`);
});
