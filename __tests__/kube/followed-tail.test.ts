import { createServer, type ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { connect } from '../../src/kube/connection.ts';
import { FollowedTail } from '../../src/kube/log-tail.ts';
import { listen, writePlainKubeconfig } from './loopback-kubeconfig.ts';

/** Follows the log of a container on a node that answers by these functions in turn, by the last one from then on. */
async function follow(answers: ((response: ServerResponse) => void)[], ended: () => boolean) {
  let asked = 0;
  const server = createServer((_, response) => answers[Math.min(asked++, answers.length - 1)]?.(response));
  const connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(server)) });
  const closing = new AbortController();
  onTestFinished(async () => {
    closing.abort();
    await connection.close();
    server.closeAllConnections();
    server.close();
  });
  const { signal } = closing;
  return new FollowedTail(connection, { namespace: 'ns', pod: 'migrate', container: 'main', signal, ended });
}

const refuse = (code: number, reason: string) => (response: ServerResponse) => {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Status', code, reason, message: reason }));
};
const isWaiting = refuse(400, 'container "main" in pod "migrate" is waiting to start: ContainerCreating');
const isGone = refuse(404, 'pods "migrate" not found');
const line = (second: number, text: string) => `2026-11-01T10:00:0${second}.000000001Z ${text}\n`;

test('a log that is followed from before its container starts outlives the pod', async () => {
  const tail = await follow(
    [isWaiting, isWaiting, isWaiting, (response) => response.end(line(1, 'one') + line(2, 'ERROR: no orders')), isGone],
    () => false,
  );
  expect(await tail.read(60)).toEqual(['one', 'ERROR: no orders']);
});

test('of a long log the last whole lines are kept', async () => {
  const text = Array.from({ length: 9 }, (_, i) => line(i, `${i} ${'x'.repeat(60_000)}`)).join('');
  const tail = await follow([(response) => response.end(text), isGone], () => false);
  const lines = await tail.read(60);
  expect(lines.map((one) => [one[0], one.length])).toEqual(['5', '6', '7', '8'].map((first) => [first, 60_002]));
});

test('what has arrived of a log that does not end is there when the time is over', async () => {
  const tail = await follow([(response) => void response.write(line(1, 'one'))], () => false);
  await expect.poll(() => tail.read(0.05)).toEqual(['one']);
});

test('a pod that is gone before its log could be read has none', async () => {
  const tail = await follow([isWaiting, isGone], () => false);
  expect(await tail.read(60)).toEqual([]);
});
