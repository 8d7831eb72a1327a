import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Result } from '../../src/core/outcome.ts';
import type { TakenFiles } from '../../src/results/take-files.ts';
import { makeRunner, type Runner, runnerUid, untilEnd } from '../support/as-runner.ts';

const secret = 'hunter2-secret';
let runner: Runner;
let script: string;
let count = 0;

beforeAll(() => {
  runner = makeRunner();
  script = runner.bundle('__tests__/results/take-as-runner.ts');
});
afterAll(() => rmSync(runner.directory, { recursive: true }));

async function call<T>(...args: string[]): Promise<T> {
  const { status, output } = await untilEnd(runner.start(runner.node, [script, ...args]));
  expect(status, output).toBe(0);
  return JSON.parse(output) as T;
}

/** A results directory of the runner, in which containers wrote as root and as uid 1000. */
async function makeForeign(): Promise<string> {
  count += 1;
  const root = path.join(runner.directory, 'home', `out-${count}`);
  await call('begin', root);
  const at = (name: string) => path.join(root, 'results', name);
  const write = (name: string, mode: number, uid: number) => {
    mkdirSync(path.dirname(at(name)), { recursive: true });
    writeFileSync(at(name), `token ${secret}`);
    chmodSync(at(name), mode);
    if (process.getuid?.() === 0) chownSync(at(name), uid, uid);
  };
  write('readable/junit.xml', 0o644, 0);
  write('readable/deep/log.txt', 0o644, 0);
  write('closed/in.txt', 0o644, 0);
  write('other.txt', 0o600, 1000);
  chmodSync(at('closed'), 0o700);
  chmodSync(at('readable/deep'), 0o555);
  return root;
}

// Only root can make files of other users.
describe.runIf(process.getuid?.() === 0)('for a user who is not root', () => {
  test.each([
    ['with secrets', secret, 'token ***'],
    ['without secrets', '', `token ${secret}`],
  ])('what is readable of other users’ files is not lost %s, and the rest is named', async (_, given, content) => {
    for (const fenced of ['fenced', 'not-fenced']) {
      const root = await makeForeign();
      const taken = await call<TakenFiles>('take', root, fenced, given);
      expect(taken.files).toEqual(['readable/deep/log.txt', 'readable/junit.xml']);
      for (const name of taken.files) {
        expect(readFileSync(path.join(root, 'results', name), 'utf8')).toBe(content);
        expect(statSync(path.join(root, 'results', name)).uid).toBe(runnerUid);
      }
      expect(taken.leftOut.map(({ name, why }) => [name, why]).sort()).toEqual([
        ['closed', 'unreadable'],
        ['other.txt', 'unreadable'],
      ]);
      expect(taken.warnings).toEqual([
        expect.stringMatching(/^2 files .* not uploaded: .*\(EACCES: permission denied/),
      ]);
      // None of their files is where it would be uploaded.
      expect(readdirSync(path.join(root, 'results'))).toEqual(['readable']);
    }
  });

  test('the next run in a directory with files that cannot be removed begins all the same', async () => {
    const root = await makeForeign();
    const next = await call<Result<string[]>>('begin', root);
    expect(next).toMatchObject({
      ok: true,
      value: [expect.stringMatching(/^files of an earlier run cannot be removed/)],
    });
    expect(readdirSync(path.join(root, 'results'))).toEqual([]);
    expect(await call<Result<string[]>>('begin', root)).toEqual({ ok: true, value: [] });
  });
});

test('the next run after a suite that left read-only directories, as a module cache of Go, begins', async () => {
  const root = path.join(runner.directory, 'home', 'read-only');
  await call('begin', root);
  const results = path.join(root, 'results');
  mkdirSync(path.join(results, 'mod/cache'), { recursive: true });
  writeFileSync(path.join(results, 'mod/cache/f'), '');
  for (const name of ['mod/cache/f', 'mod/cache', 'mod'])
    if (process.getuid?.() === 0) chownSync(path.join(results, name), runnerUid, runnerUid);
  for (const name of ['mod/cache', 'mod']) chmodSync(path.join(results, name), 0o555);
  expect(await call('begin', root)).toEqual({ ok: true, value: [] });
  expect(readdirSync(results)).toEqual([]);
});
