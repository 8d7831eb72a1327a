import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identifySelf } from '../../src/state/is-alive.ts';
import { takeLock } from '../../src/state/take-lock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'locks-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** As a process leaves it that was killed. */
const stale = JSON.stringify({ ...identifySelf(), startTicks: '1' });

test('of processes that find the same stale lock at once one has it', async () => {
  const locks = Array.from({ length: 300 }, (_, i) => path.join(directory, `${i}`));
  for (const lock of locks) writeFileSync(lock, stale);
  // All try the same lock in the same millisecond, and stay alive until all have tried: a dead one would have lost it again.
  const source = `
    import { takeLock } from ${JSON.stringify(path.resolve('src/state/take-lock.ts'))};
    const [start, ...locks] = process.argv.slice(1);
    const owners = locks.map((lock, i) => {
      while (Date.now() < Number(start) + 5 * i);
      return takeLock(lock)?.pid ?? process.pid;
    });
    process.stdout.end(JSON.stringify(owners));
    process.stdin.resume();`;
  const start = String(Date.now() + 1500);
  const args = ['--input-type=module', '--eval', source, start, ...locks];
  const rivals: ChildProcess[] = Array.from({ length: 3 }, () => spawn(process.execPath, args));
  const said = await Promise.all(rivals.map(async ({ stdout }) => JSON.parse(await text(stdout!)) as number[]));
  for (const rival of rivals) rival.stdin!.end();
  for (const [i] of locks.entries()) {
    const winners = rivals.filter(({ pid }, at) => said[at]![i] === pid);
    expect(winners, `lock ${i}`).toHaveLength(1);
  }
  expect(readdirSync(directory)).toHaveLength(locks.length);
});

test('a process that was killed while taking over a lock blocks no other', () => {
  const lock = path.join(directory, 'lock');
  for (const file of [lock, `${lock}.dead`]) writeFileSync(file, stale);
  expect(takeLock(lock)).toBeUndefined();
  expect(existsSync(`${lock}.dead`)).toBe(false);
});

test('a lock whose writer has not yet identified itself is held', () => {
  const lock = path.join(directory, 'lock');
  writeFileSync(lock, '');
  expect(takeLock(lock)).toMatchObject({ pid: 0 });
  const before = new Date(Date.now() - 60_000);
  utimesSync(lock, before, before);
  expect(takeLock(lock)).toBeUndefined();
});

test.each([
  'null',
  '5',
  '[]',
  '{}',
  '{"pid":"1","startTicks":1}',
  '{"pid":-1,"startTicks":""}',
  '{"pid":1e99}',
  'x'.repeat(5000),
])('a lock that no process wrote (%s), as a checkout may hold one, keeps nobody out', (content) => {
  const lock = path.join(directory, 'lock');
  writeFileSync(lock, content);
  const before = new Date(Date.now() - 60_000);
  utimesSync(lock, before, before);
  expect(takeLock(lock)).toBeUndefined();
});
