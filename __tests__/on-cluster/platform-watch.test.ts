import { execFileSync } from 'node:child_process';
import { describe, expect, inject, test } from 'vitest';
import { runChart } from './run-chart.ts';
import { pytestScript } from './run-on-shared-cluster.ts';
import { deployment, service, shell, writeChart } from './write-chart.ts';

const python = (source: string) => ['python3', '-u', '-c', source];

/** A web server that ends on request: `/eat` takes memory until it is killed, `/sick` makes it unready for good. */
const server = `
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    sick = False
    def do_GET(self):
        if self.path == '/eat':
            print('eating', flush=True); x = [bytearray(10 << 20) for _ in range(100)]
        if self.path == '/sick': Handler.sick = True
        self.send_response(503 if Handler.sick and self.path == '/health' else 200); self.end_headers()
    def log_message(self, *args): pass
print('serving', flush=True)
http.server.ThreadingHTTPServer(('', 8080), Handler).serve_forever()
`;

const polaris = deployment('polaris', {
  command: python(server),
  resources: { limits: { memory: '64Mi' } },
  readinessProbe: {
    periodSeconds: 1,
    failureThreshold: 1,
    timeoutSeconds: 10,
    httpGet: { path: '/health', port: 8080 },
  },
});

/** Asks the server and fails; the second test fails as well since the server is down by then. */
const tests = (path: string) =>
  pytestScript(`
import urllib.request, time
def ask(path): return urllib.request.urlopen("http://polaris:8080" + path, timeout=5).status
def test_well(): assert ask("/health") == 200
def test_break():
    try: ask("${path}")
    except Exception: pass
    time.sleep(15)
    assert False, "the catalog went away"
def test_after(): assert False, "still away"
`);

describe('a platform that falls over while the tests run', () => {
  test('is reported beside the failed tests: what, when, and why', async () => {
    const chart = writeChart({ 'a.yaml': polaris, 'b.yaml': service('polaris', 8080) });
    const [killed, sick, well] = await Promise.all([
      runChart({ chart, script: tests('/eat') }),
      runChart({ chart, script: tests('/sick') }),
      runChart({ chart, script: tests('/health') }),
    ]);

    expect(killed.report.incidents).toHaveLength(1);
    expect(killed.report.incidents![0]).toMatchObject({
      pod: expect.stringMatching(/^polaris-/),
      container: 'main',
      what: 'restarted (OOMKilled at its limit of 64Mi)',
    });
    expect(killed.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'test' }, tests: { failed: 2 } });
    expect(killed.onDisk.failure!.reason).toMatch(
      /^2 of 3 tests failed: test_break, test_after; meanwhile polaris-\S+\/main restarted \(OOMKilled at its limit of 64Mi\) at \d\d:\d\d:\d\d UTC/,
    );
    expect(killed.onDisk.failure!.hint).toMatch(/^The platform had problems while the tests ran/);
    const startedAt = Date.parse(killed.report.startedAt!);
    const at = Date.parse(killed.report.incidents![0]!.at);
    expect(at).toBeGreaterThan(startedAt);
    expect(at).toBeLessThanOrEqual(killed.endOf('tests'));

    expect(sick.report.incidents).toHaveLength(1);
    expect(sick.onDisk.failure!.reason).toMatch(
      /; meanwhile polaris-\S+\/main lost its readiness \(readiness probe: HTTP probe failed with statuscode: 503\) at \S+ UTC/,
    );

    expect(well.report.incidents).toEqual([]);
    expect(well.onDisk.failure!.reason).toBe('2 of 3 tests failed: test_break, test_after');
  });
});

describe('a part of the platform that is not there', () => {
  const reached = 'import socket, time\ndef reach(name): socket.create_connection((name, 8080), timeout=2).close()\n';
  const suite = pytestScript(`${reached}
def test_catalog(): reach("polaris")
def test_traces():
    end = time.monotonic() + 40
    while time.monotonic() < end:
        reach("jaeger"); time.sleep(0.5)
`);
  const platform = (spec: object = {}) =>
    writeChart({
      'a.yaml': polaris,
      'b.yaml': service('polaris', 8080),
      'c.yaml': deployment('jaeger', { command: python(server) }, { spec }),
      'd.yaml': service('jaeger', 8080),
    });

  test('turns the tests that need it red and no other, and is named: scaled to nothing before or under the tests', async () => {
    const scaleDown = (line: string, namespace: string) => {
      if (line !== 'phase tests') return;
      const args = ['--kubeconfig', inject('cluster').kubeconfigPath, '--namespace', namespace];
      execFileSync('kubectl', [...args, 'scale', 'deployment/jaeger', '--replicas=0']);
    };
    const [before, under, unneeded] = await Promise.all([
      runChart({ chart: platform({ replicas: 0 }), script: suite }),
      runChart({ chart: platform(), script: suite, onPrinted: scaleDown, given: { 'test-helper': 'on' } }),
      runChart({
        chart: platform({ replicas: 0 }),
        script: pytestScript(`${reached}\ndef test_catalog(): reach("polaris")`),
      }),
    ]);
    for (const run of [before, under])
      expect(run.onDisk).toMatchObject({ outcome: 'failed', tests: { passed: 1, failed: 1 } });
    expect(before.onDisk.failure!.reason).toBe(
      '1 of 2 tests failed: test_traces; when they began, jaeger had no pod: its Deployment is scaled to 0',
    );
    expect(under.onDisk.failure!.reason).toMatch(
      /^1 of 2 tests failed: test_traces; meanwhile jaeger-\S+ is being deleted at \S+ UTC and was not back when the tests ended, 1 test failed within \d+ s$/,
    );
    // An object that is not missed is optional.
    expect(unneeded.onDisk).toMatchObject({ outcome: 'passed', warnings: [] });
    expect(unneeded.report.incidents).toEqual([]);
  });
});

describe('the network, before the tests begin', () => {
  test('a Service that leads nowhere is a failure of the chart, named with its port', async () => {
    const named = { ports: [{ name: 'web', containerPort: 8080 }] };
    const serving = { command: python(server), ...named };
    const [mistyped, deaf, noPods] = await Promise.all([
      runChart({
        chart: writeChart({
          'a.yaml': deployment('web', serving),
          'b.yaml': service('web', 80, { targetPort: 'http' }),
        }),
      }),
      runChart({
        chart: writeChart({
          'a.yaml': deployment('web', { command: shell('sleep 3600') }),
          'b.yaml': service('web', 80),
        }),
      }),
      runChart({
        chart: writeChart({
          'a.yaml': deployment('web', serving),
          'b.yaml': service('web', 80, { selector: { app: 'wbe' } }),
        }),
        script: pytestScript('def test_one(): pass'),
      }),
    ]);
    expect(mistyped.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    expect(mistyped.onDisk.failure!.reason).toMatch(
      /^Service web leads nowhere: its port 80 goes to the container port "http", which no container of pod web-\S+ has by that name$/,
    );
    expect(deaf.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    expect(deaf.onDisk.failure!.reason).toMatch(
      /^Service web refuses connections \(\d+\.\d+\.\d+\.\d+:80\): its pods are ready, but nothing listens there$/,
    );
    // Possibly the object is meant to be created later: the tests run, and the warning is shown with them.
    expect(noPods.onDisk.outcome).toBe('passed');
    expect(noPods.onDisk.warnings).toContainEqual('Service web selects no pod: none has the labels app=wbe');
  });

  test('a program that begins to listen late is waited for', async () => {
    const late = deployment('web', { command: shell('sleep 8; exec python3 -m http.server 8080 --directory /tmp') });
    const run = await runChart({
      chart: writeChart({ 'a.yaml': late, 'b.yaml': service('web', 8080) }),
      script: pytestScript(
        'import urllib.request\ndef test_it(): assert urllib.request.urlopen("http://web:8080").status == 200\n',
      ),
    });
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { passed: 1 }, warnings: [] });
  });
});
