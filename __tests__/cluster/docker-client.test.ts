import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/** A call of docker: its name as the program that something runs. */
const call = /(runProgram|spawn|spawnSync|execFile|execFileSync)\(\s*['"`]docker['"`]|command: ['"`]docker['"`]/;

test('docker is run by one file, so that every call of it has a deadline and the same words', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const callers = files.filter((file) => call.test(readFileSync(path.join('src', file), 'utf8')));
  expect(callers).toEqual([path.join('cluster', 'docker.ts')]);
});
