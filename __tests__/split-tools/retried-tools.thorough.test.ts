import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { TestCase } from '../../src/core/outcome.ts';
import { selectByTool } from '../../src/job/select-tests.ts';
import { readJUnit } from '../../src/junit/read-junit.ts';
import { mayRunAgain, settleRetry, settleWhole } from '../../src/verdict/settle-retries.ts';
import { provideGotestsum, provideRunners, repository } from './provide-runners.ts';
import { makeDirectory } from './run-as-shards.ts';

interface Tool {
  /** `/results` in it, and in the variables, is where it writes. */
  command: string[];
  env?: Record<string, string>;
  cwd: string;
}

/** Runs a tool as a pod does. @param pod the first one differs from later ones by what a flaky test depends on. */
async function runTool({ command, env = {}, cwd }: Tool, pod: 'first' | 'fresh'): Promise<TestCase[]> {
  const results = makeDirectory();
  const local = (text: string) => text.replaceAll('/results', results);
  const [program = '', ...args] = command.map(local);
  const own = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, local(value)]));
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: homedir(), POD: pod, ...own },
    encoding: 'utf8',
    timeout: 110_000,
  });
  const [file, ...others] = readdirSync(results).filter((name) => name.endsWith('.xml'));
  if (file === undefined || others.length > 0) throw new Error(`exit code ${status}\n${stdout}${stderr}`);
  const read = await readJUnit(path.join(results, file), { exitCode: status ?? -1 });
  if (!read.ok) throw new Error(read.failure.reason);
  return read.value.cases;
}

const shortName = ({ name }: TestCase) => name.split(/ > | › /).at(-1) ?? name;

/** What the retries of a run say of its failed tests, by the last part of their names. */
async function retry(tool: Tool): Promise<{ failed: string[]; alone: object; ranAlone: number; after: object }> {
  const failed = (await runTool(tool, 'first')).filter(mayRunAgain);
  const selected = selectByTool({ command: tool.command }, failed);
  if (selected === undefined) throw new Error('nothing says how to select tests');
  const again = await runTool({ ...tool, command: selected.command }, 'fresh');
  const alone = settleRetry(failed, { cases: again, isSound: true });
  const after = settleWhole(failed, await runTool(tool, 'fresh'));
  const byName = (outcomes: Map<TestCase, string>) =>
    Object.fromEntries([...outcomes].map(([one, outcome]) => [shortName(one), outcome]));
  return {
    failed: failed.map(shortName).sort(),
    alone: byName(alone),
    ranAlone: again.filter(({ status }) => status !== 'skipped').length,
    after: byName(after),
  };
}

/** The three tests, in the dialect of the tools for JavaScript. */
const javascript = (imports: string) => `${imports}
let stock = 0;
test.describe('shop', () => {
  test('seeds', () => { stock = 1; });
  test('ships (once)', () => { if (stock !== 0) throw new Error('dirty'); });
  test('is late', () => { if (process.env.POD === 'first') throw new Error('late'); });
  test('closes', () => {});
});
`;

/** The first test leaves something behind that the second cannot bear; the third fails once, as by chance. */
const told = (ships: string, late: string) => ({
  failed: [late, ships].sort(),
  alone: { [ships]: 'passed', [late]: 'passed' },
  ranAlone: 2,
  after: { [ships]: 'failed', [late]: 'passed' },
});

test('Vitest runs failed tests alone, and tells a polluted one from a flaky one', async () => {
  const cwd = makeDirectory();
  const text = javascript("import { describe, test } from 'vitest';").replace('test.describe', 'describe');
  writeFileSync(path.join(cwd, 'shop.test.js'), text);
  writeFileSync(path.join(cwd, 'vitest.config.js'), 'export default {};\n');
  execFileSync('ln', ['-s', path.join(repository, 'node_modules'), path.join(cwd, 'node_modules')]);
  const options = ['--reporter=junit', '--outputFile=/results/junit.xml'];
  expect(await retry({ command: ['node_modules/.bin/vitest', 'run', ...options], cwd })).toEqual(
    told('ships (once)', 'is late'),
  );
});

test('Jest runs failed tests alone, and tells a polluted one from a flaky one', async () => {
  const cwd = makeDirectory();
  writeFileSync(path.join(cwd, 'shop.test.js'), javascript('').replace('test.describe', 'describe'));
  writeFileSync(path.join(cwd, 'package.json'), '{"name":"shop"}');
  execFileSync('ln', ['-s', provideRunners(), path.join(cwd, 'node_modules')]);
  const command = ['node_modules/.bin/jest', '--ci', '--reporters=jest-junit', '--watchman=false'];
  const env = { JEST_JUNIT_OUTPUT_FILE: '/results/junit.xml' };
  const run = await retry({ command, env, cwd });
  // jest-junit puts the names of the blocks before that of the test, as -t takes them.
  expect(run).toEqual(told('shop ships (once)', 'shop is late'));
});

test('Playwright runs failed tests alone, and tells a polluted one from a flaky one', async () => {
  const cwd = makeDirectory();
  writeFileSync(path.join(cwd, 'shop.spec.js'), javascript("const { test } = require('@playwright/test');"));
  execFileSync('ln', ['-s', provideRunners(), path.join(cwd, 'node_modules')]);
  const command = ['node_modules/.bin/playwright', 'test', '--reporter=junit'];
  const env = { PLAYWRIGHT_JUNIT_OUTPUT_FILE: '/results/junit.xml' };
  expect(await retry({ command, env, cwd })).toEqual(told('ships (once)', 'is late'));
});

test('go test runs failed tests alone, and tells a polluted one from a flaky one', async () => {
  const cwd = makeDirectory();
  writeFileSync(path.join(cwd, 'go.mod'), 'module example.com/shop\n\ngo 1.21\n');
  for (const name of ['cart', 'mail']) {
    mkdirSync(path.join(cwd, name));
    const bodies =
      name === 'mail'
        ? 'func TestSend(t *testing.T) {}\n'
        : `var stock = 0
func TestSeed(t *testing.T) { stock = 1 }
func TestShip(t *testing.T) { if stock != 0 { t.Fatal("dirty") } }
func TestLate(t *testing.T) { if os.Getenv("POD") == "first" { t.Fatal("late") } }
`;
    const imports = name === 'mail' ? 'import "testing"' : 'import (\n"os"\n"testing"\n)';
    writeFileSync(path.join(cwd, name, 'shop_test.go'), `package ${name}\n\n${imports}\n\n${bodies}`);
  }
  const command = [provideGotestsum(), '--junitfile=/results/junit.xml', '--', './...'];
  expect(await retry({ command, cwd })).toEqual(told('TestShip', 'TestLate'));
});
