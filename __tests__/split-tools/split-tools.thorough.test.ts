import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { providePython } from '../support/python/python-packages.ts';
import { provideGotestsum, provideRunners, repository } from './provide-runners.ts';
import { makeDirectory, runAsShards, type ShardedTool } from './run-as-shards.ts';

/** What all shards together ran, beside what one process runs; both as a run judges them. */
async function divide(tool: Omit<ShardedTool, 'shards'>, shards: number) {
  const { merged, ran, printed } = await runAsShards({ ...tool, shards });
  const whole = await runAsShards({ ...tool, shards: 1 });
  const sharedOut = ran.filter((own) => own.length > 0).length;
  return {
    failure: merged.failure === null ? '' : `${merged.failure.reason}\n${printed.join('\n')}`,
    isDividedOnce: JSON.stringify(ran.flat().sort()) === JSON.stringify(whole.ran.flat().sort()),
    passed: merged.counts.passed,
    isInSeveral: sharedOut > 1,
    ran,
  };
}

/** Of a suite of this many tests, each of which ran in one shard, and not all in the same. */
const dividedOnce = (passed: number) => ({ failure: '', isDividedOnce: true, passed, isInSeveral: true });

test('GoogleTest divides its tests by the variables, and an empty shard is only a warning', async () => {
  const cwd = makeDirectory();
  const tests = ['A', 'B', 'C', 'D', 'E', 'F', 'G'].map((name) => `TEST(Shop, ${name}) { EXPECT_TRUE(true); }`);
  writeFileSync(path.join(cwd, 'shop.cc'), `#include <gtest/gtest.h>\n${tests.join('\n')}\n`);
  // libgtest-dev and g++ of Debian.
  execFileSync('g++', ['-O0', '-o', 'shop', 'shop.cc', '-lgtest', '-lgtest_main', '-pthread'], { cwd, stdio: 'pipe' });
  const command = ['./shop', '--gtest_output=xml:/results/shop.xml'];
  const run = await divide({ command, cwd }, 3);
  expect(run).toMatchObject(dividedOnce(7));
  expect(run.ran.map((own) => own.length)).toEqual([3, 2, 2]);
  const many = await runAsShards({ command, cwd, shards: 9 });
  expect(many.merged.failure).toBeNull();
  expect(many.merged.warnings).toEqual(['no test ran in shards 7 and 8: 9 shards are more than the suite needs']);
});

test('Vitest divides its files by the placeholders', async () => {
  const cwd = makeDirectory();
  for (let i = 0; i < 5; i++)
    writeFileSync(
      path.join(cwd, `shop${i}.test.js`),
      `import { test } from 'vitest';\ntest('adds ${i}', () => {});\ntest('pays ${i}', () => {});\n`,
    );
  writeFileSync(path.join(cwd, 'vitest.config.js'), 'export default {};\n');
  execFileSync('ln', ['-s', path.join(repository, 'node_modules'), path.join(cwd, 'node_modules')]);
  const program = path.join(repository, 'node_modules/vitest/vitest.mjs');
  const options = ['--shard={shard}/{shards}', '--reporter=junit', '--outputFile=/results/junit.xml'];
  expect(await divide({ command: [process.execPath, program, 'run', ...options], cwd }, 3)).toMatchObject(
    dividedOnce(10),
  );
});

test('Jest divides its files by the placeholders', async () => {
  const cwd = makeDirectory();
  const modules = provideRunners();
  for (let i = 0; i < 5; i++)
    writeFileSync(path.join(cwd, `shop${i}.test.js`), `test('adds ${i}', () => {});\ntest('pays ${i}', () => {});\n`);
  writeFileSync(path.join(cwd, 'package.json'), '{"name":"shop"}');
  execFileSync('ln', ['-s', modules, path.join(cwd, 'node_modules')]);
  const options = ['--ci', '--shard={shard}/{shards}', '--reporters=jest-junit', '--watchman=false'];
  const script = `JEST_JUNIT_OUTPUT_FILE=/results/junit.xml exec ${process.execPath} node_modules/jest/bin/jest.js ${options.join(' ')}`;
  expect(await divide({ command: ['sh', '-c', script], cwd }, 3)).toMatchObject(dividedOnce(10));
});

test('Playwright divides its files by the placeholders', async () => {
  const cwd = makeDirectory();
  const modules = provideRunners();
  for (let i = 0; i < 5; i++)
    writeFileSync(
      path.join(cwd, `shop${i}.spec.js`),
      `const { test } = require('@playwright/test');\ntest('adds ${i}', () => {});\ntest('pays ${i}', () => {});\n`,
    );
  execFileSync('ln', ['-s', modules, path.join(cwd, 'node_modules')]);
  const script = `PLAYWRIGHT_JUNIT_OUTPUT_FILE=/results/junit.xml exec ${process.execPath} node_modules/@playwright/test/cli.js test --shard={shard}/{shards} --reporter=junit`;
  expect(await divide({ command: ['sh', '-c', script], cwd }, 3)).toMatchObject(dividedOnce(10));
});

test('go test is divided by packages in a script', async () => {
  const cwd = makeDirectory();
  writeFileSync(path.join(cwd, 'go.mod'), 'module example.com/shop\n\ngo 1.21\n');
  for (const name of ['cart', 'mail', 'orders', 'pay', 'stock']) {
    mkdirSync(path.join(cwd, name));
    const body = `package ${name}\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {}\nfunc TestPay(t *testing.T) {}\n`;
    writeFileSync(path.join(cwd, name, 'shop_test.go'), body);
  }
  const script = [
    'packages=$(go list ./... | awk "NR % $TEST_TOTAL_SHARDS == $TEST_SHARD_INDEX")',
    `exec ${provideGotestsum()} --junitfile=/results/junit.xml -- $packages`,
  ].join('\n');
  expect(await divide({ command: ['sh', '-c', script], cwd, env: { HOME: homedir() } }, 3)).toMatchObject(
    dividedOnce(10),
  );
});

test('pytest-split divides tests by the placeholders', async () => {
  const python = providePython();
  const cwd = makeDirectory();
  for (let i = 0; i < 5; i++)
    writeFileSync(path.join(cwd, `test_m${i}.py`), 'def test_add(): pass\ndef test_pay(): pass\n');
  const options = ['-p', 'no:cacheprovider', '--splits={shards}', '--group={shard}', '--junitxml=/results/junit.xml'];
  const env = { PYTHONPATH: python.packagesDir, PYTHONDONTWRITEBYTECODE: '1' };
  expect(await divide({ command: [python.program, '-m', 'pytest', ...options], cwd, env }, 3)).toMatchObject(
    dividedOnce(10),
  );
});

test('a tool that ignores its share is noticed', async () => {
  const python = providePython();
  const cwd = makeDirectory();
  writeFileSync(path.join(cwd, 'test_m.py'), 'def test_add(): pass\ndef test_pay(): pass\n');
  const command = [python.program, '-m', 'pytest', '-p', 'no:cacheprovider', '--junitxml=/results/junit.xml'];
  const env = { PYTHONPATH: python.packagesDir, PYTHONDONTWRITEBYTECODE: '1' };
  const { merged } = await runAsShards({ command, cwd, env, shards: 2 });
  expect(merged.failure?.reason).toBe('each of the 2 shards ran the same 2 tests: the runner does not divide them');
});
