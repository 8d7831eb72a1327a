import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { readProof } from '../../src/diagnose/read-proof.ts';
import { connect } from '../../src/kube/connection.ts';
import { listen, writePlainKubeconfig } from '../kube/loopback-kubeconfig.ts';

const title = 'last lines of container main of pod web:';
/** The kubelet's answer, with status 200, for a container that it has removed. */
const gone =
  'unable to retrieve container logs for containerd://95fa47c973cba30f8c23381d67d2de572d11d0d298da5975e192d8ac0161566c';
const refused = 400;

test.each<[string, string | number, string | number, string[]]>([
  ['its present run', 'one\ntwo\n', 'former\n', [title, 'one', 'two']],
  ['its former run, where the present one has written nothing', '', 'former\n', [title, 'former']],
  ['its former run, where the present one is refused', refused, 'former\n', [title, 'former']],
  ['its former run, where the present one is gone', gone, 'former\n', [title, 'former']],
  ['nothing, where it has no former run', '', refused, ['container main of pod web wrote no log']],
  ['neither run', gone, refused, [title, `(the log of main cannot be read: ${gone})`]],
])('the proof is the log of %s', async (_, present, former, expected) => {
  const server = createServer((request, response) => {
    const answer = request.url!.includes('previous=true') ? former : present;
    if (typeof answer === 'number') response.statusCode = answer;
    response.end(typeof answer === 'number' ? JSON.stringify({ kind: 'Status', message: 'not found' }) : answer);
  });
  const connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(server)) });
  onTestFinished(async () => {
    await connection.close();
    server.close();
  });
  const guilty = { pod: 'web', container: 'main' };
  expect(await readProof(connection, 'ns', guilty, new AbortController().signal)).toEqual(expected);
});
