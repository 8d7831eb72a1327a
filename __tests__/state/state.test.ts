import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Reporter } from '../../src/core/reporter.ts';
import { runTeardown, tearDown } from '../../src/pipeline/teardown.ts';
import { RunRecord } from '../../src/state/run-record.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'state-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('what is noted is on the disk at once, for another process to read', () => {
  const record = RunRecord.begin(directory, 'abc');
  record.note({ kind: 'cluster', name: 'k8s-test-abc', isWhole: false });
  const read = RunRecord.open(record.file);
  expect(read.content).toMatchObject({
    runId: 'abc',
    pid: process.pid,
    made: [{ kind: 'cluster', name: 'k8s-test-abc', isWhole: false }],
  });
});

test('a record counts as alive only while its process runs', () => {
  const { pid } = spawnSync('true');
  const record = RunRecord.begin(directory, 'abc');
  expect(record.isAlive).toBe(true);
  writeFileSync(record.file, JSON.stringify({ ...record.content, pid }));
  expect(RunRecord.open(record.file).isAlive).toBe(false);
});

test('files that are no records are passed over', () => {
  RunRecord.begin(directory, 'abc');
  writeFileSync(path.join(directory, 'broken.run.json'), '{');
  writeFileSync(path.join(directory, 'notes.txt'), '');
  expect(RunRecord.list(directory).map((record) => record.content.runId)).toEqual(['abc']);
});

test('teardown removes what the record names, nothing beside it, and the record last', async () => {
  const [ours, theirs] = [path.join(directory, 'ours'), path.join(directory, 'theirs')];
  for (const one of [ours, theirs]) mkdirSync(one);
  const record = RunRecord.begin(directory, 'abc');
  record.note({ kind: 'directory', path: ours });
  expect(await tearDown(record, AbortSignal.timeout(5000), () => {})).toEqual([]);
  expect(readdirSync(directory)).toEqual(['theirs']);
});

test('a teardown that leaves something behind is a failed phase of the run, and names what is left', async () => {
  const file = path.join(directory, 'file');
  writeFileSync(file, '');
  const record = RunRecord.begin(directory, 'abc');
  // Below a file there is no directory to remove.
  record.note({ kind: 'directory', path: path.join(file, 'below') });
  const told: string[] = [];
  const reporter: Reporter = {
    phaseStarted: (name) => told.push(`begin ${name}`),
    phaseEnded: ({ name, outcome }) => told.push(`end ${name} ${outcome}`),
    say: () => {},
    warn: (line) => told.push(line),
    waitingFor: () => {},
    quote: () => {},
    mask: () => {},
  };
  const { problems, phase } = await runTeardown(record, reporter, { seconds: 5, advice: '; try: down' });
  expect(problems).toHaveLength(1);
  expect(told).toEqual(['begin teardown', `not removed: ${problems[0]}; try: down`, 'end teardown failed']);
  expect(phase).toMatchObject({ name: 'teardown', outcome: 'failed' });
});
