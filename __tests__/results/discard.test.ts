import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { discard } from '../../src/results/foreign-directory.ts';

/** Makes and removes directories in directories where it is, as fast as it can. */
const writer = `
import os, shutil, sys
os.chdir(sys.argv[1])
print("writing", flush=True)
i = 0
while True:
    i += 1
    for work in (lambda: os.makedirs(f"a{i % 7}/b/c"), lambda: open(f"a{i % 7}/b/f", "w").close(), lambda: os.rename(f"a{i % 7}", f"z{i % 5}"), lambda: shutil.rmtree(f"z{(i + 2) % 5}"), lambda: os.symlink(sys.argv[2], f"a{(i + 1) % 7}"), lambda: os.remove(f"a{(i + 3) % 7}")):
        try: work()
        except OSError: pass
`;

test('what a container still writes to while it is removed ends no run, and leads to no file of the runner', async () => {
  const base = mkdtempSync(path.join(tmpdir(), 'discard-'));
  const outside = path.join(base, 'precious');
  mkdirSync(outside);
  writeFileSync(path.join(outside, 'f'), 'canary of the runner');
  for (let i = 0; i < 15; i++) {
    const target = path.join(base, `results-${i}`);
    mkdirSync(target);
    const writing = spawn('python3', ['-c', writer, target, outside], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => writing.once('close', resolve));
    await new Promise((resolve) => writing.stdout.once('data', resolve));
    const problem = discard(target);
    // What stays is named.
    expect(problem === '', problem).toBe(readdirSync(base).every((name) => name === 'precious'));
    writing.kill('SIGKILL');
    await ended;
    const left = readdirSync(base).filter((name) => name !== 'precious');
    expect(left.map((name) => discard(path.join(base, name))).join('')).toBe('');
  }
  expect(readFileSync(path.join(outside, 'f'), 'utf8')).toBe('canary of the runner');
  expect(readdirSync(base)).toEqual(['precious']);
  rmSync(base, { recursive: true });
});
