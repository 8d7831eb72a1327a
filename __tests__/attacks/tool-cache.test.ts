/** Files that another job put in the place of a tool: none of them is taken for the one with the checksum. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { makeChildEnvironment } from '../../src/tools/child-environment.ts';
import { copyVerified } from '../../src/tools/tool-cache.ts';
import { testAttack } from './attempts.ts';

const genuine = Buffer.from(`#!/bin/sh\necho v1\n${'#'.repeat(200_000)}\n`);
const sha256 = createHash('sha256').update(genuine).digest('hex');
const expectRefused = (wrong: string | undefined) => expect(wrong).toEqual(expect.any(String));
const expectAbsent = (names: string[], name: string) => expect(names).not.toContain(name);

testAttack('tool cache', 'only the genuine file is accepted', async (attempt) => {
  const root = mkdtempSync(path.join(tmpdir(), 'attack-tool-'));
  const at = (name: string) => path.join(root, name);
  let copies = 0;
  const check = (name: string, make: (file: string) => void) =>
    attempt(name, async () => {
      const file = at(`entry-${copies++}`);
      make(file);
      expectRefused(await copyVerified(file, at(`copy-${copies}`), sha256));
      rmSync(at(`copy-${copies}`), { force: true });
      rmSync(file, { recursive: true, force: true });
    });
  try {
    writeFileSync(at('genuine'), genuine);
    for (let i = 0; i < 400; i++) {
      const position = Math.floor((i * (genuine.length - 1)) / 399);
      await check(`bit ${i % 8} of byte ${position} differs`, (file) => {
        const bytes = Buffer.from(genuine);
        bytes.writeUInt8(bytes.readUInt8(position) ^ (1 << (i % 8)), position);
        writeFileSync(file, bytes);
      });
    }
    for (const length of [0, 1, 17, 4095, 4096, 65_535, 65_536, 65_537, 131_072, genuine.length - 1])
      await check(`the first ${length} bytes`, (file) => writeFileSync(file, genuine.subarray(0, length)));
    for (const more of ['\n', '\0', '\necho evil\n', 'x'.repeat(65_536)])
      await check(`${more.length} bytes more`, (file) =>
        writeFileSync(file, Buffer.concat([genuine, Buffer.from(more)])),
      );
    for (const target of ['genuine', './genuine', at('genuine'), '/bin/sh', '/dev/zero', '/dev/stdin', 'nothere', '.'])
      await check(`a link to ${target}`, (file) => symlinkSync(target, file));
    await check('a directory', (file) => mkdirSync(file));
    await check('a pipe that nobody writes to', (file) => execFileSync('mkfifo', [file]));
    await check('a sparse terabyte', (file) => {
      writeFileSync(file, genuine);
      truncateSync(file, 2 ** 40);
    });
    await check('nothing', () => undefined);
  } finally {
    rmSync(root, { recursive: true });
  }
});

testAttack('environment of children', 'nothing by which a step acts on GitHub reaches a program', async (attempt) => {
  const names = [
    ...['RUNTIME_TOKEN', 'RUNTIME_URL', 'RESULTS_URL', 'CACHE_URL', 'CACHE_SERVICE_V2', 'CACHE_MODE'].map(
      (name) => `ACTIONS_${name}`,
    ),
    ...['ENV', 'OUTPUT', 'PATH', 'STATE', 'STEP_SUMMARY'].map((name) => `GITHUB_${name}`),
    ...['SECRETS', 'KUBECONFIG', 'RESULTS-DIR', 'A B', 'a', ''].map((name) => `INPUT_${name}`),
    ...['record', 'isPost', ''].map((name) => `STATE_${name}`),
  ];
  for (const purpose of ['tool', 'tests'] as const)
    for (const name of names)
      for (const value of ['canary', '', ' ', 'a\nb', '=', 'x'.repeat(100_000)])
        await attempt(`${purpose} ${name}=${value.slice(0, 10)}`, () => {
          const env = makeChildEnvironment({}, purpose, { GITHUB_ACTIONS: 'true', PATH: '/bin', [name]: value });
          expectAbsent(Object.keys(env), name);
        });
  for (const name of ['ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'ACTIONS_ID_TOKEN_REQUEST_URL'])
    for (const inActions of ['true', 'false', ''])
      await attempt(`tests ${name}`, () => {
        const env = makeChildEnvironment({}, 'tests', { GITHUB_ACTIONS: inActions, [name]: 'canary' });
        expectAbsent(Object.keys(env), name);
      });
});
