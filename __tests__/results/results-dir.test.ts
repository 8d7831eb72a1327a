import { spawn } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { layoutResults, releaseResultsDir, takeResultsDir } from '../../src/results/results-dir.ts';
import { identifySelf } from '../../src/state/is-alive.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'results-dir-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const lock = () => path.join(root, '.running');

test('a directory that another run uses is refused, and its files stay', async () => {
  const dir = layoutResults(root);
  expect(await takeResultsDir(dir, 'integration')).toMatchObject({ ok: true });
  writeFileSync(dir.summary, 'of the first run');
  expect(await takeResultsDir(dir, 'integration')).toMatchObject({
    ok: false,
    failure: { kind: 'input', reason: expect.stringContaining(`process ${process.pid}`) },
  });
  expect(readFileSync(dir.summary, 'utf8')).toBe('of the first run');
  await releaseResultsDir(dir);
  expect(await takeResultsDir(dir, 'integration')).toMatchObject({ ok: true });
});

test('a directory that became a link after the inputs were read is refused, and what it leads to stays', async () => {
  const there = mkdtempSync(path.join(tmpdir(), 'there-'));
  writeFileSync(path.join(there, 'result.json'), 'mine');
  const link = path.join(root, 'link');
  symlinkSync(there, link);
  expect(await takeResultsDir(layoutResults(link), 'integration')).toMatchObject({
    ok: false,
    failure: { kind: 'input', reason: expect.stringContaining('symbolic link') },
  });
  expect(readdirSync(there)).toEqual(['result.json']);
  expect(readFileSync(path.join(there, 'result.json'), 'utf8')).toBe('mine');
  rmSync(there, { recursive: true });
});

test('a run that was killed leaves a red verdict, and a lock that blocks no later run', async () => {
  const dir = layoutResults(root);
  await takeResultsDir(dir, 'integration');
  expect(JSON.parse(readFileSync(dir.resultJson, 'utf8'))).toMatchObject({
    outcome: 'broken',
    failure: { reason: expect.stringContaining('was killed') },
  });
  writeFileSync(lock(), JSON.stringify({ ...identifySelf(), pid: await pidOfNobody() }));
  expect(await takeResultsDir(dir, 'integration')).toMatchObject({ ok: true });
});

test('nor does a lock whose process id was given to another program since', async () => {
  writeFileSync(lock(), JSON.stringify({ ...identifySelf(), startTicks: '1' }));
  expect(await takeResultsDir(layoutResults(root), 'integration')).toMatchObject({ ok: true });
});

test('a lock whose writer was killed before it identified itself blocks no later run either', async () => {
  writeFileSync(lock(), '');
  utimesSync(lock(), 0, 0);
  expect(await takeResultsDir(layoutResults(root), 'integration')).toMatchObject({ ok: true });
});

/** The id of a process that has ended and was waited for. */
async function pidOfNobody(): Promise<number> {
  const child = spawn('true');
  await new Promise((resolve) => child.once('close', resolve));
  return child.pid!;
}

test('the files of a former run are removed, but the directory stays the same: the nodes of a kept cluster mount it', async () => {
  const dir = layoutResults(root);
  await takeResultsDir(dir, 'integration');
  await releaseResultsDir(dir);
  const before = statSync(dir.results).ino;
  writeFileSync(path.join(dir.results, 'junit.xml'), '<testsuite/>');
  writeFileSync(path.join(dir.junit, 'junit.xml'), '<testsuite/>');
  await takeResultsDir(dir, 'integration');
  expect(readdirSync(dir.results)).toEqual([]);
  expect(readdirSync(dir.junit)).toEqual([]);
  expect(statSync(dir.results).ino).toBe(before);
});

test('a link in place of the results is removed, and what it leads to is not', async () => {
  const dir = layoutResults(root);
  await takeResultsDir(dir, 'integration');
  await releaseResultsDir(dir);
  rmSync(dir.results, { recursive: true });
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'elsewhere-'));
  writeFileSync(path.join(elsewhere, 'precious'), '');
  symlinkSync(elsewhere, dir.results);
  await takeResultsDir(dir, 'integration');
  expect(readdirSync(elsewhere)).toEqual(['precious']);
  expect(statSync(dir.results).isDirectory()).toBe(true);
  rmSync(elsewhere, { recursive: true });
});

test('links that a checkout holds by the names of our files are replaced, and what they lead to is not written', async () => {
  const dir = layoutResults(root);
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'elsewhere-'));
  const precious = path.join(elsewhere, 'precious');
  writeFileSync(precious, 'of the runner');
  for (const name of ['result.json', '.reserve', '.running.dead', 'summary.md'])
    symlinkSync(precious, path.join(root, name));
  // A link to nothing is no held lock.
  symlinkSync(path.join(elsewhere, 'nothing'), lock());
  expect(await takeResultsDir(dir, 'integration')).toEqual({ ok: true, value: [] });
  await releaseResultsDir(dir);
  expect(readFileSync(precious, 'utf8')).toBe('of the runner');
  expect(readdirSync(elsewhere)).toEqual(['precious']);
  expect(JSON.parse(readFileSync(dir.resultJson, 'utf8'))).toMatchObject({ outcome: 'broken' });
  rmSync(elsewhere, { recursive: true });
});
