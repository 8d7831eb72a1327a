import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

const token = 'canary&<token>"of"/floe';
const key = '-----BEGIN KEY-----\ncanaryLineOfTheKey=\n-----END KEY-----';

/** What a careless suite does with secrets, in every way that it can print them. */
const leaking = `
echo "token is $TOKEN"; echo "key is $KEY"
printf %s "user:$TOKEN" | base64 -w0; echo
printf 'ca'; sleep 0.3; printf 'nary&<token>"of"/floe in two pieces\\n'
mkdir -p "/results/of canaryLineOfTheKey="
echo "$KEY" > "/results/of canaryLineOfTheKey=/canaryLineOfTheKey=.txt"
printf '{"token": %s}' "$(python -c 'import json, os; print(json.dumps(os.environ["TOKEN"]))')" > /results/dump.json
${pytestScript(
  `import os
def test_leaks():
  assert os.environ["TOKEN"] == "wrong"
def test_values():
  assert os.environ["TOKEN"] == ${JSON.stringify(token)}
  assert os.environ["KEY"] == ${JSON.stringify(key)}
  assert os.environ["EMPTY"] == ""
`.replaceAll('canary', 'can" "ary'),
  '',
  'status=$?; echo "$TOKEN" > /dev/termination-log; exit $status',
)}`;

test('a secret reaches only the tests', async () => {
  const run = await runOnSharedCluster({
    script: leaking,
    given: { secrets: `TOKEN=${token}\nKEY<<END\n${key}\nEND\nEMPTY=`, env: 'PLAIN=1' },
  });
  expect(run.onDisk, run.printed.join('\n')).toMatchObject({
    outcome: 'failed',
    failure: { kind: 'test', reason: '1 of 2 tests failed: test_leaks' },
  });
  expect(run.printed).toContain('token is ***');
  expect(run.printed).toContain('*** in two pieces');
  const root = run.dir.root;
  const files = readdirSync(root, { recursive: true, withFileTypes: true });
  const everything: [string, string][] = files
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    // Also the decisions, and the input of teardown.
    .concat(readdirSync(path.join(root, '../records')).map((name) => path.join(root, '../records', name)))
    .map((file) => [file, readFileSync(file, 'latin1')]);
  everything.push(['console', run.printed.join('\n')], ['verdict', JSON.stringify(run.verdict)]);
  everything.push(['report', JSON.stringify(run.report)], ['names', files.map((entry) => entry.name).join('\n')]);
  expect(everything.length).toBeGreaterThan(12);
  for (const [where, text] of everything) {
    for (const form of ['canary', Buffer.from(token).toString('base64').slice(0, 20), 'TGluZU9mVGhlS2V5'])
      expect(text.includes(form), `${form} in ${where}`).toBe(false);
  }
  const textOf = (name: string) => everything.find(([file]) => file.endsWith(name))?.[1];
  expect(textOf('results/of ***/***.txt')).toBe('***\n');
  expect(textOf('dump.json')).toBe('{"token": "***"}');
  expect(textOf('junit/junit.xml')).toContain('***');
  expect(textOf('cluster/jobs.yaml')).toContain('secretKeyRef');
  expect(textOf('report.html')).toContain('***');
});
