import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/** Modules that know the results directory and open files, and why none of them opens one that others may still write. */
const allowed: Record<string, string> = {
  'action/publish.ts': 'reads its own summary',
  'cluster/machine-facts.ts': 'asks for the room on the disk',
  'pipeline/recover-run.ts': 'moves logs of its own',
  'pipeline/environments/run-on-machine.ts': 'writes a log of its own',
  'pipeline/provide-helper.ts': 'reads the helper that comes with us',
  'pipeline/run-again.ts': 'makes directories, once every writer of the first attempt has ended',
  'pipeline/sees-results.ts': 'makes a mark of its own, before any test runs',
  'pipeline/write-verdict.ts': 'removes reports of its own',
  'reconstruct/reconstruct-run.ts': 'reads what was taken',
};

test('a new module that opens files below the results directory is noticed, since links there lead anywhere', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const openers = sources.filter((name) => {
    const text = readFileSync(path.join('src', name), 'utf8');
    return /from 'node:fs(\/promises)?'/.test(text) && /dir\.results|resultsDir\b/.test(text);
  });
  const others = openers.filter((name) => !name.startsWith(`results${path.sep}`));
  expect(others.sort()).toEqual(Object.keys(allowed).sort());
});
