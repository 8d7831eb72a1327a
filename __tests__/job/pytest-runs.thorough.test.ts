import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TestCase } from '../../src/core/outcome.ts';
import type { JUnitReport } from '../../src/junit/junit-report.ts';
import { readJUnit } from '../../src/junit/read-junit.ts';
import {
  addEndings,
  type ReconstructOptions,
  readHelperFault,
  readHelperNotes,
  reconstructRun,
  takeHelperFiles,
} from '../../src/reconstruct/reconstruct-run.ts';
import type { ReconstructedRun } from '../../src/reconstruct/reconstructed-tests.ts';
import { helperRunId, usePytest } from '../support/python/use-pytest.ts';

const signal = new AbortController().signal;
const pytest = usePytest('pytest-runs');

/** All outcomes of a test, under names that are hard to distinguish from results. */
const allKinds = `
import pytest, sys
def test_one(): print("tests/test_all.py::test_no PASSED [ 10%]")
@pytest.mark.parametrize("x", ["a b", "x PASSED y", "é\\x1b[31m", "p::q", "[z] FAILED [ 10%]"])
def test_p(x): assert x != "a b", "no - " + x
@pytest.mark.skip(reason="no polaris (was PASSED)")
def test_skipped(): pass
@pytest.mark.xfail(reason="known")
def test_xfail(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.fixture
def bad_setup(): raise RuntimeError("set up")
def test_setup(bad_setup): pass
class TestClass:
    def test_method(self): pass
def test_two(): pass
`;
const killed = (deed: string) => `
import os, pytest, signal, time
@pytest.mark.parametrize("i", range(4))
def test_before(i): assert i != 2
def test_deed(): ${deed}
@pytest.mark.parametrize("i", range(3))
def test_after(i): pass
`;

interface PytestRun {
  status: number | null;
  signal: string | null;
  resultsDir: string;
  logFile: string;
  junit: string;
  log: string;
}

/** Runs pytest as the test container would: results in a directory of its own, the log in a file. */
function runPytest(
  content: string,
  flags: string[],
  options: { helper?: boolean; env?: Record<string, string> } = {},
): PytestRun {
  const dir = pytest.makeDirectory('run-');
  const resultsDir = path.join(dir, 'results');
  mkdirSync(path.join(dir, 'tests'));
  mkdirSync(resultsDir);
  writeFileSync(path.join(dir, 'tests/test_all.py'), content);
  const junit = path.join(resultsDir, 'junit.xml');
  const run = spawnSync(
    pytest.program,
    ['-m', 'pytest', '-p', 'no:cacheprovider', `--junitxml=${junit}`, ...flags, 'tests'],
    {
      cwd: dir,
      env: {
        ...pytest.variables(resultsDir, options),
        ...options.env,
      },
      encoding: 'utf8',
      timeout: 100_000,
    },
  );
  const log = `${run.stdout}${run.stderr}`;
  const logFile = path.join(dir, 'log');
  writeFileSync(logFile, log);
  return { status: run.status, signal: run.signal, resultsDir, logFile, junit, log };
}

async function reconstruct(
  run: PytestRun,
  over: Partial<ReconstructOptions> = {},
): Promise<ReconstructedRun | undefined> {
  const helperFiles = path.join(path.dirname(run.resultsDir), 'helper-files');
  await takeHelperFiles(run.resultsDir, helperFiles);
  const { reconstructed } = await reconstructRun({
    reports: [],
    unreadable: [],
    notes: await readHelperNotes(helperFiles, helperRunId, signal),
    resultsDir: run.resultsDir,
    notBefore: 0,
    logFile: run.logFile,
    isInterrupted: false,
    signal,
    ...over,
  });
  return reconstructed;
}

async function reportOf(run: PytestRun): Promise<JUnitReport> {
  const reading = await readJUnit(run.junit);
  if (!reading.ok) throw new Error(reading.failure.reason);
  return reading.value;
}

const told = (cases: readonly TestCase[]) =>
  cases.map(({ classname, name, status }) => `${classname} ${name} ${status}`).sort();
const finished = [
  'test_before[0] passed',
  'test_before[1] passed',
  'test_before[2] failed',
  'test_before[3] passed',
].map((name) => `tests.test_all ${name}`);

describe('pytest itself reports what we reconstruct', () => {
  test('from the notes of the helper, which changes neither result nor exit code', async () => {
    const [plain, helped] = [runPytest(allKinds, ['-v'], { helper: false }), runPytest(allKinds, ['-v'])];
    expect(helped.status).toBe(plain.status);
    const report = await reportOf(helped);
    expect(told(report.cases)).toEqual(told((await reportOf(plain)).cases));
    const run = (await reconstruct(helped))!;
    expect(run.source).toBe('the notes of the test helper');
    expect(told(run.cases)).toEqual(told(report.cases));
    expect(run).toMatchObject({ inFlight: [], collected: 12, notRun: 0 });
    const failed = run.cases.find(({ status }) => status === 'failed');
    expect(failed).toMatchObject({ file: 'tests/test_all.py', line: 4, message: expect.stringContaining('no - a b') });
    expect(failed!.details).toContain('test_all.py:5: AssertionError');
  });

  test('from the verbose output', async () => {
    const run = runPytest(allKinds, ['-v'], { helper: false });
    const reconstructed = (await reconstruct(run))!;
    expect(reconstructed.source).toBe('the verbose output of pytest');
    expect(told(reconstructed.cases)).toEqual(told((await reportOf(run)).cases));
    expect(reconstructed).toMatchObject({ inFlight: [], collected: 12, notRun: 0 });
    expect(reconstructed.cases.find(({ status }) => status === 'failed')?.message).toContain('no - a b');
  });

  test('from the verbose output of xdist, and from the notes under it', async () => {
    const run = runPytest(allKinds, ['-v', '-n', '2', '--color=yes']);
    const expected = told((await reportOf(run)).cases);
    const fromLog = await reconstruct(run, { notes: undefined });
    expect(fromLog).toMatchObject({ source: 'the verbose output of pytest', collected: 12, notRun: 0 });
    expect(told(fromLog!.cases)).toEqual(expected);
    const helperFiles = path.join(path.dirname(run.resultsDir), 'helper-files');
    const fromNotes = await reconstruct(run, { notes: await readHelperNotes(helperFiles, helperRunId, signal) });
    expect(fromNotes).toMatchObject({ source: 'the notes of the test helper', collected: 12, notRun: 0, inFlight: [] });
    expect(told(fromNotes!.cases)).toEqual(expected);
  });

  test('from a report log', async () => {
    const run = runPytest(allKinds, ['-q', '--report-log=results/deep/log.jsonl'], { helper: false });
    const reconstructed = (await reconstruct(run))!;
    expect(reconstructed.source).toBe('deep/log.jsonl');
    expect(told(reconstructed.cases)).toEqual(told((await reportOf(run)).cases));
    expect(reconstructed.cases.find(({ status }) => status === 'failed')).toMatchObject({
      message: expect.stringContaining('no - a b'),
      details: expect.stringContaining('AssertionError'),
    });
  });

  test('with the reruns of a flaky test', async () => {
    const flaky = 'n = 0\ndef test_flaky():\n  global n\n  n += 1\n  assert n > 2\ndef test_other(): pass\n';
    const run = runPytest(flaky, ['-v', '--reruns=3', '--report-log=results/log.jsonl']);
    expect(run.status).toBe(0);
    for (const notes of [undefined, await readNotes(run)]) {
      const reconstructed = (await reconstruct(run, { notes }))!;
      expect(reconstructed.counts).toMatchObject({ total: 2, passed: 2, flaky: 1 });
      expect(reconstructed.cases.find(({ name }) => name === 'test_flaky')?.flakyRuns).toBe(2);
    }
  });
});

async function readNotes(run: PytestRun) {
  const helperFiles = path.join(path.dirname(run.resultsDir), 'helper-files');
  await takeHelperFiles(run.resultsDir, helperFiles);
  return readHelperNotes(helperFiles, helperRunId, signal);
}

describe('a run that is killed', () => {
  const kill = killed('os.kill(os.getpid(), signal.SIGKILL)');

  test.each<[string, string[], boolean]>([
    ['the notes of the test helper', ['-q'], true],
    ['log.jsonl', ['-q', '--report-log=results/log.jsonl'], false],
    ['the verbose output of pytest', ['-v'], false],
    ['the verbose output of pytest', ['-v', '-s'], false],
  ])('is told from %s (%s)', async (from, flags, helper) => {
    const run = runPytest(kill, flags, { helper });
    expect(run.signal).toBe('SIGKILL');
    expect(existsSync(run.junit)).toBe(false);
    const reconstructed = (await reconstruct(run))!;
    expect(reconstructed.source).toBe(from);
    expect(told(reconstructed.cases)).toEqual(finished);
    expect(reconstructed.inFlight).toMatchObject([{ classname: 'tests.test_all', name: 'test_deed' }]);
    expect(reconstructed.notRun).toBe(from === 'log.jsonl' ? undefined : 3);
    const notRun = [0, 1, 2].map((i) => `tests/test_all.py::test_after[${i}]`);
    expect(reconstructed.notRunNames).toEqual(helper ? notRun : []);
  });

  test('by os._exit(0) beside a green report is a session without a report', async () => {
    const green = await reportOf(runPytest('def test_ok(): pass', ['-q']));
    const run = runPytest(killed('os._exit(0)'), ['-q']);
    expect(run.status).toBe(0);
    const reconstructed = await reconstruct(run, { reports: [green] });
    expect(told(reconstructed!.cases)).toEqual(finished);
    expect(reconstructed!.inFlight).toMatchObject([{ name: 'test_deed' }]);
  });

  test('under xdist, whose controller survives, is reported by pytest itself', async () => {
    const run = runPytest(kill, ['-v', '-n', '1']);
    const notes = (await reconstruct(run))!;
    expect(told(notes.cases)).toEqual(told((await reportOf(run)).cases));
    expect(notes.cases.find(({ name }) => name === 'test_deed')).toMatchObject({
      status: 'error',
      message: expect.stringContaining('crashed'),
    });
  });

  test('by SIGTERM leaves the stacks of Python, and dies of it as it would without the helper', async () => {
    const run = runPytest(killed('os.kill(os.getpid(), signal.SIGTERM); time.sleep(20)'), ['-q']);
    expect(run.signal).toBe('SIGTERM');
    await readNotes(run);
    const stacks = readFileSync(path.join(path.dirname(run.resultsDir), 'helper-files/stacks.txt'), 'utf8');
    expect(stacks).toMatch(/File ".*tests\/test_all\.py", line 5 in test_deed/);
  });
});

describe('the helper', () => {
  test('notes when each test ended, to be found again in the report', async () => {
    const run = runPytest(allKinds, ['-q']);
    const report = await reportOf(run);
    const notes = (await readNotes(run))!;
    addEndings([report], notes);
    // A name with an escape character is written in another way by pytest's report than by its node ids.
    expect(report.cases.filter((one) => one.endedAt === undefined)).toEqual([]);
    const times = report.cases.map((one) => Date.parse(one.endedAt!));
    expect([...times].sort((a, b) => a - b)).toEqual(times);
  });

  test.each<[string, string[], Record<string, string>]>([
    ['where its directory cannot be made', [], { K8S_TEST_PROGRESS_DIR: '/proc/none/.k8s-test' }],
    ['without its directory', [], { K8S_TEST_PROGRESS_DIR: '' }],
    ['where plugins are not loaded', [], { PYTEST_DISABLE_PLUGIN_AUTOLOAD: '1' }],
    ['where warnings are errors', ['-W', 'error'], {}],
    ['where it is switched off by pytest itself', ['-p', 'no:k8s_test_progress'], {}],
  ])('harms nothing %s', (_, flags, env) => {
    const run = runPytest('def test_ok(): pass', ['-q', ...flags], { env });
    expect(run.status, run.log).toBe(0);
    expect(run.log).not.toContain('rror');
  });

  test('reports an error of its own', async () => {
    const run = runPytest('def test_ok(): pass', ['-q']);
    writeFileSync(path.join(run.resultsDir, '.k8s-test/helper-error.txt'), 'OSError: no space left on device\nmore\n');
    await readNotes(run);
    const helperFiles = path.join(path.dirname(run.resultsDir), 'helper-files');
    expect(await readHelperFault(helperFiles, signal)).toBe('OSError: no space left on device');
    expect(await readHelperFault(run.resultsDir, signal)).toBe('');
  });

  test('does not take a pytest that the tests start for the run', async () => {
    const nested = `
import subprocess, sys
pytest_plugins = "pytester"
def test_inner(pytester):
    pytester.makepyfile("def test_nested(): pass")
    assert pytester.runpytest_inprocess().ret == 0
    assert subprocess.run([sys.executable, "-m", "pytest", "-q"]).returncode == 0
def test_after(): pass
`;
    const run = runPytest(nested, ['-q']);
    expect(run.status, run.log).toBe(0);
    expect(told((await reconstruct(run))!.cases)).toEqual([
      'tests.test_all test_after passed',
      'tests.test_all test_inner passed',
    ]);
  });

  test('leaves notes of another run aside, and what is no note', async () => {
    const run = runPytest('def test_ok(): pass', ['-q']);
    const file = path.join(run.resultsDir, '.k8s-test/progress.jsonl');
    const own = readFileSync(file, 'utf8');
    const foreign = own.replaceAll('run-1', 'run-0').replaceAll('test_ok', 'test_old');
    writeFileSync(
      file,
      `${foreign}[1]\nnull\n{"type":"end"}\n{"type":"end","id":5}\nnot json\n${own}{"type":"end","id":"half`,
    );
    expect(told((await reconstruct(run))!.cases)).toEqual(['tests.test_all test_ok passed']);
    expect(readdirSync(run.resultsDir)).toEqual(['junit.xml']);
  });
});
