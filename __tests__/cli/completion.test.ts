import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { shells } from '../../src/cli/help.ts';
import { startShell } from './type-into-shell.ts';

const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
const isInstalled = (shell: string) =>
  ['/bin', '/usr/bin'].some((directory) => existsSync(path.join(directory, shell)));

// What is typed, `⇥` being the tab key, and what the command is called with.
const completions: [typed: string, called: string][] = [
  ['doc⇥', 'doctor'],
  ['help comp⇥', 'help completion'],
  ['completion fi⇥', 'completion fish'],
  ['run --tier int⇥', 'run --tier integration'],
  ['run --tier=e⇥', 'run --tier=e2e'],
  ['run --profile non⇥', 'run --profile none'],
  ['run --keep never --values dep⇥', 'run --keep never --values deploy.yaml'],
  ['rerun tests/test_s⇥', 'rerun tests/test_shop.py'],
  ['rerun -- tests/test_s⇥', 'rerun -- tests/test_shop.py'],
  // Flags that a command does not take are not offered.
  ['down --ti⇥', 'down --ti'],
];

describe.each(shells)('the completion of %s', (shell) => {
  test.runIf(isInstalled(shell))('completes commands, flags, values and files', async () => {
    const { type } = await startShell(shell, ['deploy.yaml', 'tests/test_shop.py']);
    for (const [typed, called] of completions) expect((await type(`k8s-test ${typed}`)).join(' ')).toBe(called);
    // A flag alone: the shell puts a blank or an equals sign after it.
    expect((await type('k8s-test run --tie⇥')).join(' ')).toMatch(/^run --tier=?$/);
  });
});

test('completion of a shell that is not known names those that are, and exits with 3', () => {
  const { status, stderr } = spawnSync(process.execPath, [main, 'completion', 'tcsh'], { encoding: 'utf8' });
  expect(stderr).toBe('completion takes the name of one shell: bash, zsh, fish\n');
  expect(status).toBe(3);
});
