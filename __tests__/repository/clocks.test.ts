import ts from 'typescript';
import { expect, test } from 'vitest';
import { readSources } from '../support/read-sources.ts';

/** Where the wall clock is the right one: a time that is shown, or compared with a time that another program wrote. */
const wallClock: Record<string, string> = {
  'src/platform/install-chart.ts': 'compared with the start of a container, as the cluster tells it',
  'src/pipeline/run-suite.ts': 'compared with the times at which files were written',
  'src/pipeline/environments/run-on-machine.ts': 'compared with the times at which files were written',
  'src/pipeline/phase-clock.ts': 'the time that a run shows as its start',
  'src/pipeline/environments/enter-existing.ts': 'a time that another machine reads',
  'src/state/take-lock.ts': 'compared with the time at which a file was written',
  'src/state/run-record.ts': 'the time that a record shows as its start',
  'src/kube/credentials.ts': 'compared with the expiry of a token',
  'src/kube/own-namespace.ts': 'compared with a time that another machine wrote',
  'src/cluster/reach-cluster.ts': 'compared with the expiry of a token',
  'src/diagnose/platform-watch.ts': 'the time that an incident shows',
};

/** `Date.now()`, `new Date()` and `Date()`. */
function readsWallClock(node: ts.Node): boolean {
  if (ts.isNewExpression(node)) return node.expression.getText() === 'Date' && (node.arguments ?? []).length === 0;
  return ts.isCallExpression(node) && ['Date', 'Date.now'].includes(node.expression.getText());
}

test('no duration is taken from the wall clock, which steps when a machine wakes up or asks for the time', () => {
  const found = new Set<string>();
  const wrong: string[] = [];
  for (const { file, line, node } of readSources()) {
    if (!readsWallClock(node)) continue;
    found.add(file);
    if (wallClock[file] === undefined) wrong.push(`${file}:${line}: ${node.parent.getText()}`);
  }
  expect(wrong, 'use performance.now(), or give a reason in this test').toEqual([]);
  expect([...found].sort(), 'each file with a reason still reads the wall clock').toEqual(
    Object.keys(wallClock).sort(),
  );
});

test('no message quotes a whole value of others, which may be as large as they like', () => {
  const wrong: string[] = [];
  // What is written to a file of ours ends with a line break, and is no message.
  for (const { file, line, node } of readSources())
    if (ts.isTemplateSpan(node) && node.literal.text !== '\n' && /\bJSON\.stringify\(/.test(node.expression.getText()))
      wrong.push(`${file}:${line}: ${node.parent.getText()}`);
  expect(wrong).toEqual([]);
});
