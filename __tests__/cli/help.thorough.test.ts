import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type CommandName, commandDocs, renderCommandHelp, renderHelp } from '../../src/cli/help.ts';
import { inputNames } from '../../src/inputs/schema.ts';

const root = path.join(import.meta.dirname, '../..');

function k8sTest(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [path.join(root, 'src/cli/main.ts'), ...args], { encoding: 'utf8' });
}

const commands = Object.keys(commandDocs) as CommandName[];

test('--help behind a command prints the usage of that command and exits with 0', () => {
  const { status, stdout, stderr } = k8sTest('run', '--help');
  expect(stderr).toBe('');
  expect(stdout).toBe(`${renderCommandHelp('run')}\n`);
  expect(status).toBe(0);
});

test.each(commands)('the help of %s begins with its purpose and its usage', (command) => {
  expect(renderCommandHelp(command)).toMatch(new RegExp(`^[A-Z][^]*\\.\n\nUsage: k8s-test ${command}`));
});

test('every input is a flag of the help of run or report', () => {
  const pages = `${renderCommandHelp('run')}\n${renderCommandHelp('report')}`;
  for (const name of inputNames) expect(pages).toMatch(new RegExp(`^  --${name}( |$)`, 'm'));
});

test('no line of help is wider than 80 columns', () => {
  const pages = [renderHelp(), ...commands.map(renderCommandHelp)];
  for (const line of pages.join('\n').split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
});

test('--version prints the version of the package', () => {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  expect(k8sTest('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
});

test('a mistyped command names the one that may be meant, prints the help, and exits with 3', () => {
  const { status, stderr } = k8sTest('dwon');
  expect(stderr).toContain('"dwon" is not a command; did you mean down?');
  expect(stderr).toContain(renderHelp());
  expect(status).toBe(3);
});

test('words behind -- belong to the test command, --help among them', () => {
  const { status, stdout, stderr } = k8sTest('rerun', '--', '--help');
  expect(stdout).toBe('');
  expect(stderr).toContain('no cluster of tier integration is kept');
  expect(status).toBe(3);
});
