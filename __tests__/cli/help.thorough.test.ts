import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type CommandName, commandDocs, renderCommandHelp, renderHelp } from '../../src/cli/help.ts';
import { inputNames } from '../../src/inputs/schema.ts';

const root = path.join(import.meta.dirname, '../..');

function k8sTest(...args: string[]) {
  return inColumns('', ...args);
}

/** Without a terminal, COLUMNS is the width. */
function inColumns(columns: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, COLUMNS: columns };
  return spawnSync(process.execPath, [path.join(root, 'src/cli/main.ts'), ...args], { encoding: 'utf8', env });
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

test.each([undefined, 200])('no line of help is wider than 80 columns, on a terminal of %s', (columns) => {
  const pages = [renderHelp(columns), ...commands.map((name) => renderCommandHelp(name, columns))];
  for (const line of pages.join('\n').split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
});

test('on a narrow terminal help keeps to its width; only what is to be copied may be longer', () => {
  const pages = [renderHelp(48), ...commands.map((name) => renderCommandHelp(name, 48))];
  const long = pages
    .join('\n')
    .split('\n')
    .filter((line) => line.length > 48 && !/^(Usage:| {2}(k8s-test|source) )/.test(line));
  expect(long).toEqual([]);
  expect(inColumns('48', '--help')).toMatchObject({ status: 0, stdout: `${renderHelp(48)}\n` });
  expect(inColumns('48', 'run', '--help')).toMatchObject({ status: 0, stdout: `${renderCommandHelp('run', 48)}\n` });
});

test('the page of commands has each in a group, on one line', () => {
  const lines = renderHelp().split('\n');
  for (const name of commands) expect(lines).toContain(`  ${name.padEnd(12)}${commandDocs[name].summary}`);
  expect(lines.filter((line) => /^[A-Z].*:$/.test(line))).toEqual([
    'Begin:',
    'Run tests:',
    'Read results:',
    'Shell:',
    'Examples:',
  ]);
});

test('the help of report has the flags that it reads, and none of what only a run or a workflow uses', () => {
  const flags = [...renderCommandHelp('report').matchAll(/^ {2}--([\w-]+)/gm)].map(([, flag]) => flag);
  expect(flags).toEqual(expect.arrayContaining(['legs', 'expect', 'results-dir']));
  for (const other of ['collector-image', 'upload', 'image']) expect(flags).not.toContain(other);
});

test('--version prints the version of the package', () => {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  for (const flag of ['--version', '-v']) expect(k8sTest(flag)).toMatchObject({ status: 0, stdout: `${version}\n` });
});

test.each([
  ['dwon', '"dwon" is not a command; did you mean down?'],
  // Nothing is near to a word that shares no letter with it.
  ['-x', `"-x" is not a command: ${commands.join(', ')}`],
])('the mistyped command %s is answered in two lines, and exits with 3', (word, answer) => {
  expect(k8sTest(word)).toMatchObject({
    status: 3,
    stdout: '',
    stderr: `${answer}\nAll commands: k8s-test --help\n`,
  });
});

test('words behind -- belong to the test command, --help among them', () => {
  const { status, stdout, stderr } = k8sTest('rerun', '--', '--help');
  expect(stdout).toBe('');
  expect(stderr).toContain('no cluster of tier integration is kept');
  expect(status).toBe(3);
});
