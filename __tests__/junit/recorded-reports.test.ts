import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type JudgedRecording, judgeRecording, listRecordings } from '../../scripts/record-reports/judge-recording.ts';
import { putTable, renderReportsTable } from '../../scripts/record-reports/reports-table.ts';

const judged = new Map<string, JudgedRecording>();
beforeAll(async () => {
  for (const id of listRecordings()) judged.set(id, await judgeRecording(id));
});

const recording = (id: string): JudgedRecording => {
  const one = judged.get(id);
  if (one === undefined) throw new Error(`nothing is recorded as ${id}`);
  return one;
};
const statusesOf = (id: string) => recording(id).cases.map(({ name, status }) => `${name}: ${status}`);
const flakyOf = (id: string) => recording(id).cases.filter(({ flakyRuns }) => flakyRuns !== undefined);
const firstLineOf = (id: string) => recording(id).verdict.failure?.reason ?? 'passed';

test('the table of docs/reports.md is what we make of the recorded runs', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/reports.md'), 'utf8');
  expect(putTable(page, renderReportsTable([...judged.values()])), 'run: node scripts/record-reports.ts --table').toBe(
    page,
  );
});

describe('a run of a real tool fails exactly when the tool reports a failure', () => {
  test.each(listRecordings())('%s', (id) => {
    const { exitCode, verdict } = recording(id);
    // A report that was written elsewhere is no report of ours.
    const isWell = exitCode === 0 && id !== 'pytest-report-elsewhere';
    expect(verdict.failure === null).toBe(isWell);
  });

  test.each(listRecordings())('%s: no first line calls it a contradiction, for its tool is not one', (id) => {
    expect(firstLineOf(id)).not.toContain('contradiction');
  });
});

test('a report that counts more tests than it holds is only warned of, since these tools write such reports', () => {
  const differing = [...judged.values()].filter(({ warnings }) =>
    warnings.some((warning) => {
      const [, says, holds] = / says (\d+) tests for .* but holds (\d+)$/.exec(warning) ?? [];
      return Number(says) > Number(holds);
    }),
  );
  expect(differing.map(({ id }) => id)).toEqual(['mocha-7-junit-reporter', 'mocha-junit-reporter', 'pytest-subtests']);
});

describe('tests of the same name that are no reruns stay apart', () => {
  test('a test that fails in one project of Playwright is failed, though it passes in the other', () => {
    const { cases, verdict } = recording('playwright-one-failed');
    expect(cases.map(({ suite, status }) => [suite, status])).toEqual([
      ['[chromium] shop.spec.js', 'failed'],
      ['[firefox] shop.spec.js', 'passed'],
    ]);
    expect(verdict).toMatchObject({ counts: { total: 2, failed: 1, flaky: 0 }, failure: { kind: 'test' } });
  });

  test('a test that fails in two projects is reported with its projects', () => {
    expect(firstLineOf('playwright')).toBe(
      '3 of 8 tests failed: adds, pays ([chromium] shop.spec.js), pays ([firefox] shop.spec.js)',
    );
  });

  test('of two tests of one name in node --test the failed one is failed', () => {
    expect(statusesOf('node-test-same-name')).toEqual(['adds: failed', 'adds: passed']);
    expect(flakyOf('node-test-same-name')).toEqual([]);
  });

  test('a set-up that fails in one of ginkgo’s processes is failed', () => {
    expect(statusesOf('ginkgo').filter((one) => one.startsWith('[Sync'))).toEqual([
      '[SynchronizedBeforeSuite]: passed',
      '[SynchronizedBeforeSuite]: failed',
    ]);
  });

  test('a test that fails in one of the runs of go test -count is failed', () => {
    expect(statusesOf('gotestsum-count')).toContain('TestFlaky: failed');
    expect(flakyOf('gotestsum-count')).toEqual([]);
  });
});

describe('reruns are flaky tests', () => {
  test.each([
    ['pytest-rerunfailures', 'test_flaky'],
    ['gotestsum-rerun-fails', 'TestFlaky'],
    ['surefire', 'flaky'],
    ['cargo-nextest', 'tests::flaky'],
  ])('%s', (id, name) => {
    expect(
      flakyOf(id)
        .filter(({ status }) => status === 'passed')
        .map((one) => one.name),
    ).toEqual([name]);
  });
});

describe('a test that may fail does not fail the run', () => {
  test('todo of node --test', () => {
    expect(statusesOf('node-test')).toEqual(['adds: passed', 'later: skipped', 'left out: skipped']);
  });

  test('!mayfail and !shouldfail of Catch2', () => {
    expect(statusesOf('catch2-may-fail')).toEqual(['adds: passed', 'may fail: skipped', 'should fail: skipped']);
  });

  test('todo of node --test in TAP, whose parents are no tests', () => {
    expect(statusesOf('node-test-tap')).toEqual([
      'adds: passed',
      'later: skipped',
      'left out: skipped',
      'adds: passed',
      'pays: failed',
    ]);
    expect(recording('node-test-tap').cases.at(-1)).toMatchObject({
      classname: 'names',
      message: 'Expected values to be strictly equal:',
    });
  });
});

describe('the first line has the message of the tool', () => {
  test.each([
    ['pytest-unknown-option', '(pytest: a usage error): unrecognized arguments: --no-such-option'],
    [
      'pytest-broken-conftest',
      "ImportError while loading conftest '/app/conftest.py': ModuleNotFoundError: No module named 'nosuchmodule'",
    ],
    ['pytest-internal-error', '(pytest: an internal error): RuntimeError: broken plugin'],
    ['pytest-no-tests', 'no test ran: pytest found none (exit code 5)'],
    ['unittest-no-tests', 'no test ran: unittest found none (exit code 5)'],
    ['jest-no-tests', 'no test ran: jest found none (exit code 1)'],
    ['vitest-no-tests', 'no test ran: vitest found none (exit code 1)'],
    ['mocha-no-tests', 'no test ran: mocha found none (exit code 1)'],
    ['playwright-no-tests', 'no test ran: playwright found none (exit code 1)'],
    ['robot-no-data', "Parsing '/app/tests' failed: File or directory to execute does not exist."],
    ['behave-cannot-load', "ModuleNotFoundError: No module named 'nosuchmodule'"],
    ['mocha-cannot-load', "Error: Cannot find module './missing'"],
    ['playwright-cannot-load', "Error: Cannot find module '/app/missing.js' imported from /app/k.spec.js"],
    ['ginkgo-build-failure', './shop_test.go:11:29: undefined: undefinedName'],
    ['surefire-build-failure', '/app/src/test/java/shop/ShopTest.java:[2,18] cannot find symbol'],
    ['ginkgo-focus', '(ginkgo: a spec is focused), and its report holds no failure (1 passed, 1 skipped)'],
    ['phpunit-warning', 'and its report holds no failure (2 passed, 0 skipped): Tests: 2, Assertions: 2, Warnings: 1.'],
    ['googletest-typed', '1 of 4 tests failed: Holds300'],
    ['pytest-xdist-crash', '1 of 3 tests failed: test_dies'],
    ['pytest-report-elsewhere', 'the tests wrote /app/report.xml'],
    ['pytest-killed', '1 of 3 tests finished, in flight: test_hangs, 1 not run'],
    [
      'timeout',
      'timeout(1) ended the command of the tests (exit code 124); 1 of 2 tests finished, in flight: test_hangs',
    ],
    ['mocha', 'exit code 5 (mocha: 5 failed tests)'],
    ['mocha-cannot-report', "exit code 1: TypeError: Class constructor Base cannot be invoked without 'new'"],
    ['jest-cannot-import', "Test suite failed to run: t/k.test.js: Cannot find module './missing' from 't/k.test.js'"],
    ['jest-coverage', 'Coverage for functions (50%) does not meet "global" threshold (90%)'],
    ['go-test-build-failure', 'build failed of example.org/shop: ./bad_test.go:5:30: undefined: undefinedName'],
    ['rspec-cannot-load', 'An error occurred while loading ./spec/bad_spec.rb: cannot load such file -- nosuchgem'],
    ['failsafe-summary-alone', 'there is failsafe-summary.xml, the summary of Maven failsafe, which holds no tests'],
    ['vitest-unhandled-error', '1 of 2 tests failed: Uncaught Exception: late'],
    ['gotestsum-testmain', '1 of 1 tests failed: TestMain'],
    ['bats-setup-file', '1 of 1 tests failed: setup_file failed'],
    ['bun-test-cannot-import', "error: Cannot find module './missing' from '/app/a.test.js'"],
    ['bun-test-no-tests', 'no test ran: bun test found none (exit code 1)'],
    ['deno-test-no-tests', 'no test ran: deno test found none (exit code 1)'],
    ['jasmine-no-tests', 'no test ran: Jasmine found none (exit code 2)'],
    ['cucumber-js-cannot-load', "Error: Cannot find module './missing'"],
    ['newman-no-connection', '5 of 6 tests failed: adds, pays, (suite) orders / list'],
    ['ctest-not-run', '1 of 4 tests failed: missing'],
    ['robot-suite-teardown', '1 of 3 tests failed: (suite) Shop'],
  ])('%s', (id, words) => {
    expect(firstLineOf(id)).toContain(words);
  });

  test('and no hint asks for a report of jest, which wrote one, or of pytest, which could not start', () => {
    for (const id of ['jest-cannot-import', 'jest-coverage', 'pytest-unknown-option', 'pytest-broken-conftest'])
      expect(recording(id).verdict.failure?.hint).not.toMatch(/Let the tests write one/);
  });
});

describe('what a tool counts as a failure, and no case of its report shows, is a failed test with its words', () => {
  test('a server that newman could not reach, and a script of it that threw', () => {
    const { cases, verdict } = recording('newman-no-connection');
    const words = 'RequestError: Error: connect ECONNREFUSED 127.0.0.1:1';
    expect(cases.filter(({ status }) => status === 'error').map(({ suite, message }) => [suite, message])).toEqual([
      ['orders / list', words],
      ['orders / gone', words],
      ['orders / throws', words],
    ]);
    expect(verdict).toMatchObject({ counts: { total: 6, failed: 2, errors: 3 }, failure: { kind: 'test' } });
  });

  test('a test whose program CTest did not find, which its report calls skipped; what may be skipped still is', () => {
    expect(statusesOf('ctest')).toEqual([
      'adds: passed',
      'pays: failed',
      'crashes: failed',
      'hangs: failed',
      'skipped: skipped',
      'off: skipped',
      'missing: error',
    ]);
    expect(recording('ctest').cases.at(-1)?.message).toBe('Unable to find executable');
  });
});

test('pending and undefined scenarios of cucumber-js fail the run, as they do for it; skipped ones do not', () => {
  expect(statusesOf('cucumber-js')).toEqual([
    'adds: passed',
    'pays: failed',
    'later: failed',
    'unknown: failed',
    'left out: skipped',
    'rows - #1.1: passed',
    'rows - #1.2: failed',
  ]);
});

test('the teardown of a suite of Robot Framework that failed is reported with its message, although its tests stay passed', () => {
  const { cases, verdict } = recording('robot-suite-teardown');
  expect(cases.filter(({ status }) => status !== 'passed').map(({ name, message }) => [name, message])).toEqual([
    ['(suite) Shop', 'Suite teardown failed:\norders are left'],
  ]);
  expect(verdict.failure?.kind).toBe('test');
});

test('where Robot Framework writes its own format beside JUnit, its tests count once', () => {
  expect(recording('robot-xunit').verdict.counts).toMatchObject({ total: 4, failed: 1 });
  expect(recording('robot-output').verdict.counts).toEqual(recording('robot-xunit').verdict.counts);
});

describe('a format of .NET is read as its writers mean it', () => {
  test('NUnit 2: a set-up that fails, a test that is left out, and each row of a test', () => {
    expect(statusesOf('nunit-console')).toEqual([
      'Hooks.NeverRuns: failed',
      'Shop.Adds: passed',
      'Shop.Later: skipped',
      'Shop.LeftOut: skipped',
      'Shop.Pays: failed',
      'Shop.Rows(1): passed',
      'Shop.Rows(2): failed',
      'Shop.Stores: error',
    ]);
  });

  test('NUnit 3 of pytest-nunit, which writes a failure into tests that passed too', () => {
    expect(statusesOf('pytest-nunit').map((one) => one.replace(/^.*::/, ''))).toEqual([
      'test_adds: passed',
      'test_pays: failed',
      'test_stores: failed',
      'test_skipped: skipped',
      'test_known: passed',
      'test_adds: passed',
    ]);
  });

  test.each(['mocha-trx-reporter', 'jest-trx'])('TRX of %s, whose counts come before its tests', (id) => {
    expect(recording(id).verdict.counts).toMatchObject({ total: 5, errors: 0 });
    expect(statusesOf(id).filter((one) => one.startsWith('(suite)'))).toEqual([]);
  });
});

test('the name, the class and the words of a failure are those of each tool', () => {
  const failedOf = (id: string) => recording(id).cases.find(({ status }) => status === 'failed');
  expect(failedOf('behave')).toMatchObject({ classname: 'cart.cart', name: 'full', message: 'the cart is empty' });
  expect(failedOf('googletest')).toMatchObject({
    classname: 'Shop',
    name: 'Pays',
    message: expect.stringContaining('Expected equality'),
  });
  expect(failedOf('gradle')).toMatchObject({
    classname: 'shop.ShopTest',
    message: expect.stringContaining('no database'),
  });
  expect(failedOf('phpunit')).toMatchObject({ name: 'testPays', details: expect.stringContaining('identical') });
  expect(failedOf('unittest-xml-reporting')).toMatchObject({ name: 'test_pays', message: '1 != 2 : no cart' });
  expect(failedOf('jest-ctrf')).toMatchObject({ name: 'pays', classname: 'shop.test.js' });
  expect(failedOf('pytest-json-ctrf')?.message).toContain('no cart');
});
