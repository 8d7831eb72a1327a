import ts from 'typescript';
import { expect, test } from 'vitest';
import { readSources } from '../support/read-sources.ts';

/** Calls that start a program and are given no `timeoutSeconds` where they are written, and what ends each of them. */
const others = {
  'src/cluster/build-image.ts runBuild': 'a build runs until the run is cancelled',
  'src/cluster/docker.ts runProgram':
    'askDocker and exec pass on the deadline that their types require; builds and keepers of logs',
  'src/platform/helm-home.ts runProgram': 'its options require a deadline',
  'src/platform/install-chart.ts runProgram': 'helm has --timeout, and our own deadline ends it',
};

test('no program is started without a deadline of its own, except where a comment here says what ends it', () => {
  const bare = new Set<string>();
  let calls = 0;
  for (const { file, node } of readSources()) {
    if (!ts.isCallExpression(node)) continue;
    const name = node.expression.getText().split('.').at(-1) ?? '';
    if (!['runProgram', 'pipePrograms', 'runBuild'].includes(name)) continue;
    calls += 1;
    if (!/\btimeoutSeconds\b/.test(node.getText())) bare.add(`${file} ${name}`);
  }
  expect(calls).toBeGreaterThan(20);
  expect([...bare].sort()).toEqual(Object.keys(others));
});
