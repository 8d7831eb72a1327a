/** A container that could not be ended, and that swaps files in the results while they are collected. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { collectResults } from '../../src/results/collect-results.ts';
import { takeFiles } from '../../src/results/take-files.ts';
import { testAttack } from './attempts.ts';

const secret = 'hunter2-secret';
const canary = 'canary of the runner';
const sweeps = 200;

testAttack(
  'links and names',
  'a writer that swaps files for links all the time breaks no sweep, and leaves no secret in one',
  async (attempt) => {
    const base = mkdtempSync(path.join(tmpdir(), 'swapping-'));
    const [file, outside] = [path.join(base, 'precious/precious.xml'), path.join(base, 'precious')];
    mkdirSync(outside);
    writeFileSync(file, canary);
    let taken = 0;
    try {
      for (let i = 0; i < sweeps; i++) {
        const root = path.join(base, `run-${i}`);
        const results = path.join(root, 'results');
        mkdirSync(results, { recursive: true });
        const writer = spawn(process.execPath, ['__tests__/results/swap-files.ts', results, file, outside, secret], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        const ended = new Promise((resolve) => writer.once('close', resolve));
        await new Promise((resolve) => writer.stdout.once('data', resolve));
        await attempt(`sweep ${i}`, async () => {
          const found = await sweep(root, results);
          taken += found;
        });
        writer.kill('SIGKILL');
        await ended;
        await attempt(`what sweep ${i} left`, () => expectClean(root, file, outside));
        rmSync(root, { recursive: true });
      }
      await attempt('files were there to be taken', () => expectTaken(taken));
    } finally {
      rmSync(base, { recursive: true });
    }
  },
  600_000,
);

function expectTaken(files: number): void {
  expect(files).toBeGreaterThan(sweeps);
}

async function sweep(root: string, results: string): Promise<number> {
  const mask = new SecretMask([secret]);
  const limits = { totalBytes: 1e8, files: 1000 };
  const signal = AbortSignal.timeout(60_000);
  const taken = await takeFiles({ directory: results, root, mask, limits, isFenced: false, signal });
  const sorting = {
    taken,
    takenDir: results,
    junitDir: path.join(root, 'junit'),
    junitGlobs: ['**/*.xml'],
    seenAs: '/results',
  };
  const collected = await collectResults({ ...sorting, notBefore: 0, signal });
  expect(JSON.stringify(collected)).not.toContain(canary);
  return taken.files.length;
}

/** Of what would be uploaded nothing holds a secret or a file of the runner, and no file of the runner has changed. */
function expectClean(root: string, file: string, outside: string): void {
  for (const name of ['results', 'junit'].filter((one) => existsSync(path.join(root, one))))
    for (const entry of readdirSync(path.join(root, name), { recursive: true, withFileTypes: true })) {
      expect(entry.isFile() || entry.isDirectory(), entry.name).toBe(true);
      if (!entry.isFile()) continue;
      const content = readFileSync(path.join(entry.parentPath, entry.name), 'utf8');
      expect(content).not.toContain(secret);
      expect(content).not.toContain(canary);
    }
  expect(readFileSync(file, 'utf8')).toBe(canary);
  expect(readdirSync(outside)).toEqual(['precious.xml']);
}
