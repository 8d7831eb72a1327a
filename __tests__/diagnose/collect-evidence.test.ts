import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
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

/** Collects from a cluster of these pods; `answerLog` answers for their logs. */
async function collect(
  pods: { metadata: { name: string } }[],
  answerLog: (pod: string, response: ServerResponse, isPrevious: boolean) => void,
) {
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x');
    const [pod = '', last] = url.pathname.split('/').slice(-2);
    if (last === 'log') return answerLog(pod, response, url.searchParams.has('previous'));
    const one = pods.find(({ metadata }) => metadata.name === last);
    const items = last === 'pods' ? pods : [];
    response.end(JSON.stringify(one ?? { metadata: { resourceVersion: '1' }, items }));
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
  const logOf = (pod: string, name = 'main.log') => readFileSync(path.join(logsDir, pod, name), 'utf8');
  return { evidence, logOf, filesOf: (pod: string) => readdirSync(path.join(logsDir, pod)).sort() };
}

/** Pods on nodes that send nothing of a log, or its beginning and no more, and one on a node that is well. */
function collectStuck(stuck: number) {
  const pods = [...Array.from({ length: stuck }, (_, i) => `stuck-${i}`), 'well'].map(podOf);
  return collect(pods, (pod, response) => {
    if (pod === 'well') response.end('all is well\n');
    else if (pod === 'stuck-0') response.write('it begins\n');
  });
}

test('logs that never end take nothing of the others, are named, and what came of them is kept', async () => {
  const { evidence, logOf } = await collectStuck(8);
  expect(logOf('well')).toBe('all is well\n');
  expect(logOf('stuck-0')).toBe('it begins\n');
  expect(evidence.problems).toHaveLength(8);
  for (const problem of evidence.problems)
    expect(problem).toMatch(/^logs\/stuck-\d\/main\.log could not be collected: /);
  expect(evidence.logs.find(({ pod }) => pod === 'well')?.lastLines).toEqual(['all is well']);
});

test('hundreds of them end together', async () => {
  const { evidence } = await collectStuck(200);
  expect(evidence.problems.length).toBeGreaterThanOrEqual(200);
});

/** As recorded of a container that crashed once and runs again. */
const restarted = (name: string) => {
  const { status, ...pod } = podOf(name);
  const lastState = { terminated: { exitCode: 3, reason: 'Error' } };
  return { ...pod, status: { containerStatuses: [{ ...status.containerStatuses[0], restartCount: 1, lastState }] } };
};
const gone =
  'unable to retrieve container logs for containerd://95fa47c973cba30f8c23381d67d2de572d11d0d298da5975e192d8ac0161566c';

function refuse(response: ServerResponse): void {
  response.statusCode = 400;
  response.end(JSON.stringify({ kind: 'Status', message: 'previous terminated container "main" not found' }));
}

test('a container that is restarted while its logs are read is asked again', async () => {
  const asked: string[] = [];
  const { evidence, logOf, filesOf } = await collect([restarted('web')], (_, response, isPrevious) => {
    asked.push(isPrevious ? 'previous' : 'current');
    if (!isPrevious) response.end('');
    else if (asked.length === 1) refuse(response);
    else if (asked.length === 3) response.end(gone);
    else response.end('FATAL: no space left\n');
  });
  expect(asked).toEqual(['previous', 'current', 'previous', 'current', 'previous', 'current']);
  expect(evidence.problems).toEqual([]);
  expect(filesOf('web')).toEqual(['main.log', 'main.previous.log']);
  expect(logOf('web', 'main.previous.log')).toBe('FATAL: no space left\n');
});

test.each([
  ['is refused', refuse, /^logs\/web\/main\.previous\.log could not be collected: .*"main" not found$/],
  [
    'is gone',
    (response: ServerResponse) => response.end(gone),
    /main\.previous\.log could not be collected: unable to/,
  ],
])('a log that %s leaves no empty file, is named, and takes nothing of the other', async (_, answer, problem) => {
  const { evidence, logOf, filesOf } = await collect([restarted('web')], (_pod, response, isPrevious) => {
    if (isPrevious) answer(response);
    else response.end('unable to retrieve container logs');
  });
  expect(evidence.problems).toEqual([expect.stringMatching(problem)]);
  expect(filesOf('web')).toEqual(['main.log']);
  expect(logOf('web')).toBe('unable to retrieve container logs');
});
