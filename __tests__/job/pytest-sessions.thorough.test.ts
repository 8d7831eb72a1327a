import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readJUnit } from '../../src/junit/read-junit.ts';
import {
  addFlakyRuns,
  readHelperNotes,
  reconstructRun,
  takeHelperFiles,
} from '../../src/reconstruct/reconstruct-run.ts';
import { closeReconstructed } from '../../src/reconstruct/reconstructed-tests.ts';
import { decideVerdict } from '../../src/verdict/decide-verdict.ts';
import { helperRunId, usePytest } from '../support/python/use-pytest.ts';

const signal = new AbortController().signal;
const pytest = usePytest('pytest-sessions');

/** The suites that the scripts run, one directory each. */
const suites: Record<string, string> = {
  green: 'def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n',
  red: 'def test_r1(): pass\ndef test_r2(): assert 0\n',
  dies: 'import os\ndef test_d1(): pass\ndef test_d2(): os.kill(os.getpid(), 9)\ndef test_d3(): pass\n',
  segfault: 'import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n',
  broken: 'import nothing_of_this_name\ndef test_x(): pass\n',
  empty: '',
  leaves: 'import pytest\ndef test_l1(): pytest.exit("enough", returncode=0)\ndef test_l2(): pass\n',
  // Fails for the first time in a directory, and then no more.
  flaky:
    'import os\ndef test_f1(): pass\ndef test_f2():\n  seen = os.path.exists("seen")\n  open("seen", "w").close()\n  assert seen\n',
  // Depends on a variable, as a suite for several databases does.
  database: 'import os\ndef test_db(): assert os.environ["DB"] != "pg"\n',
  forks:
    'import os\ndef test_fork():\n  pid = os.fork()\n  if pid == 0:\n    raise SystemExit(0)\n  os.waitpid(pid, 0)\ndef test_red(): assert 0\n',
  many: 'import pytest\n@pytest.mark.parametrize("i", range(20))\ndef test_m(i): pass\n',
};
const conftest = 'def pytest_addoption(parser): parser.addoption("--db", default="")\n';

/**
 * Runs a script as the test container would run its command, and judges what it leaves as the pipeline does: reports,
 * notes, report logs and the exit code.
 */
async function judgeScript(script: string, options: { helper?: boolean } = {}) {
  const dir = pytest.makeDirectory('run-');
  const resultsDir = path.join(dir, 'results');
  mkdirSync(resultsDir);
  writeFileSync(path.join(dir, 'conftest.py'), conftest);
  for (const [name, content] of Object.entries(suites)) {
    mkdirSync(path.join(dir, name));
    writeFileSync(path.join(dir, name, `test_${name}.py`), content);
  }
  const run = spawnSync('bash', ['-c', `pytest() { ${pytest.program} -m pytest -q "$@"; }\n${script}`], {
    cwd: dir,
    env: pytest.variables(resultsDir, options),
    encoding: 'utf8',
    timeout: 200_000,
  });
  const helperFiles = path.join(dir, 'helper-files');
  await takeHelperFiles(resultsDir, helperFiles);
  expect(existsSync(path.join(helperFiles, 'helper-error.txt'))).toBe(false);
  const notes = await readHelperNotes(helperFiles, helperRunId, signal);
  const files = readdirSync(resultsDir).filter((name) => name.endsWith('.xml'));
  const reports = [];
  for (const file of files) {
    const reading = await readJUnit(path.join(resultsDir, file), { file });
    if (!reading.ok) throw new Error(reading.failure.reason);
    reports.push(reading.value);
  }
  if (notes !== undefined) addFlakyRuns(reports, notes);
  const { reconstructed, sessions } = await reconstructRun({
    reports,
    unreadable: [],
    notes,
    resultsDir,
    notBefore: 0,
    logFile: undefined,
    isInterrupted: false,
    signal,
  });
  const closed = reconstructed && closeReconstructed(reconstructed, 'the end');
  const cases = [...reports.flatMap((one) => one.cases), ...(closed?.cases ?? [])];
  const verdict = decideVerdict({
    interruption: null,
    end: { exitCode: run.status ?? 1 },
    memoryLimit: '1Gi',
    memory: { kills: [] },
    reports,
    unreadable: [],
    stale: [],
    reconstructed: reconstructed &&
      closed && { ...reconstructed, counts: closed.counts, inFlight: reconstructed.inFlight.map(({ name }) => name) },
    sessions,
    failedNames: cases.filter(({ status }) => status === 'failed' || status === 'error').map(({ name }) => name),
    logGaps: [],
    junitGlobs: ['**/*.xml'],
    resultsPath: '/results',
  });
  return { ...verdict, status: run.status, log: run.stdout + run.stderr, sessions, cases };
}

const green = 'pytest green --junitxml=results/a.xml';

describe('a script whose last command succeeds is red', () => {
  test.each<[string, string, string, string]>([
    ['when a test of another session failed', `${green}; pytest red; echo uploading`, 'test', 'test_r2'],
    ['when it failed before the session with the report', `pytest red; ${green}`, 'test', 'test_r2'],
    ['when another session died in a test', `${green}; pytest dies; true`, 'report', 'in flight: test_d2'],
    [
      'when another session died while it collected',
      `${green}; pytest segfault --junitxml=results/b.xml; true`,
      'report',
      'session 2 of pytest never came to its end',
    ],
    ['when another session could not collect', `${green}; pytest broken; true`, 'test', 'test_broken'],
    ['when another session had a usage error', `${green}; pytest nowhere; true`, 'report', 'exit code 4'],
    [
      'when another session did not know an option',
      `${green}; pytest green --no-such-option; true`,
      'report',
      'session 2 of pytest never came to its end',
    ],
    [
      'when a conftest of another session is broken',
      `${green}; mkdir other; echo 'import nothing' > other/conftest.py; pytest other; true`,
      'report',
      'session 2 of pytest never came to its end',
    ],
    [
      'when another session had an internal error',
      `${green}; mkdir other; echo 'def pytest_runtestloop(session): raise RuntimeError("no")' > other/conftest.py; echo 'def test_o(): pass' > other/test_o.py; pytest other; true`,
      'report',
      'exit code 3',
    ],
    [
      'when a plugin fails another session although all tests passed, as a coverage threshold does',
      `${green}; mkdir other; echo 'def pytest_sessionfinish(session): session.exitstatus = 1' > other/conftest.py; echo 'def test_o(): pass' > other/test_o.py; pytest other; true`,
      'test',
      'ended with exit code 1',
    ],
    [
      'when a session ended itself with exit code 0 before all tests had run',
      `${green}; pytest leaves; true`,
      'report',
      'never ran',
    ],
    [
      'when a rerun of the failed tests left out what -x had not reached',
      `pytest -x flaky many --junitxml=results/a.xml || pytest --lf --junitxml=results/a.xml`,
      'report',
      '20 tests were collected',
    ],
    [
      'when a test failed in the loop over two databases, and passed with the last one',
      `${green}; for db in pg mysql; do DB=$db pytest database; done`,
      'test',
      'test_db',
    ],
    [
      'when a test failed with an option of the project, and passed with another one',
      `${green}; export DB=pg; pytest database --db pg; echo 'def test_db(): pass' > database/test_database.py; pytest database --db mysql`,
      'test',
      'test_db',
    ],
    [
      'when a test of the same name passed in another directory',
      `${green}; (mkdir x y && cd x && touch pytest.ini && echo 'def test_s(): assert 0' > test_s.py && pytest); cd y && touch pytest.ini && echo 'def test_s(): pass' > test_s.py && pytest`,
      'test',
      'test_s',
    ],
    [
      'when two sessions run beside each other and one fails',
      `pytest green --junitxml=results/a.xml & pytest red & wait; true`,
      'test',
      'test_r2',
    ],
    ['when a child that a test forked ended like the session', `${green}; pytest forks; true`, 'test', 'test_red'],
    [
      'when the rerun of the failed tests fails again',
      `${green}; pytest red || pytest red --lf; true`,
      'test',
      'test_r2',
    ],
  ])('%s', async (_, script, kind, words) => {
    const { failure, status, log } = await judgeScript(script);
    expect(status, log).toBe(0);
    expect(failure, log).toMatchObject({ kind });
    expect(failure?.reason).toContain(words);
  });

  test('when only the report log of another session knows that a test failed', async () => {
    const script = `${green}; pytest red --report-log=results/b.jsonl; true`;
    const { failure } = await judgeScript(script, { helper: false });
    expect(failure).toMatchObject({ kind: 'test', reason: expect.stringContaining('test_r2') });
    expect(failure?.reason).toContain('session 1 in b.jsonl');
  });

  test('when that report log is after hundreds of other logs', async () => {
    const logs = 'for i in $(seq 300); do echo a line > results/a-$i.log; done';
    const script = `${green}; ${logs}; pytest red --report-log=results/z.jsonl; true`;
    const { failure } = await judgeScript(script, { helper: false });
    expect(failure).toMatchObject({ kind: 'test', reason: expect.stringContaining('test_r2') });
  });

  test('when only the report log of another session knows that it never ended', async () => {
    const script = `${green}; pytest dies --report-log=results/b.jsonl; true`;
    const { failure } = await judgeScript(script, { helper: false });
    expect(failure).toMatchObject({ kind: 'report', reason: expect.stringContaining('session 1 in b.jsonl never') });
  });
});

describe('a script is green', () => {
  test('when failed tests pass in pytest --lf, and they are flaky', async () => {
    const script = 'pytest flaky green --junitxml=results/a.xml || pytest --lf -v --junitxml=results/a.xml';
    const { failure, counts, warnings, log } = await judgeScript(script);
    expect(failure, log).toBeNull();
    expect(counts).toMatchObject({ total: 5, passed: 5, flaky: 1, failed: 0 });
    expect(warnings).toEqual(['4 finished tests are in no report']);
  });

  test('when a session that died is repeated whole and passes, with a warning', async () => {
    const dying =
      'import os\\ndef test_o():\\n  if not os.path.exists(\\"seen\\"): open(\\"seen\\", \\"w\\").close(); os._exit(9)\\n';
    const script = `printf "${dying}" > flaky/test_flaky.py; pytest flaky || pytest flaky --junitxml=results/a.xml`;
    const { failure, warnings, log } = await judgeScript(script);
    expect(failure, log).toBeNull();
    expect(warnings).toContain(
      'session 1 of pytest never came to its end, and a later session passed all of its tests',
    );
  });

  test.each<[string, string, string[]]>([
    ['with one session and its report', green, []],
    ['under xdist', `pytest many green -n 2 --junitxml=results/a.xml`, []],
    ['with a prefix in its report', `${green} --junit-prefix=stage`, []],
    ['with a report for each of two sessions', `${green}; pytest many --junitxml=results/b.xml`, []],
    [
      'with a second session that has no report and passes, which is a warning',
      `${green}; pytest many`,
      ['20 finished tests are in no report'],
    ],
    [
      'with a second session that collects nothing, which is a warning',
      `${green}; pytest empty; true`,
      ['session 2 of pytest collected no test (exit code 5)'],
    ],
    [
      'when it asks pytest for information beside the tests',
      `pytest --version; pytest --help; pytest --markers; pytest --fixtures; pytest --collect-only; pytest --cache-show; ${green}`,
      [],
    ],
  ])('%s', async (_, script, warnings) => {
    const verdict = await judgeScript(script);
    expect(verdict.status, verdict.log).toBe(0);
    expect(verdict.failure, verdict.log).toBeNull();
    expect(verdict.warnings).toEqual(warnings);
  });

  test('and counts no test twice that the report holds under another name', async () => {
    const { counts } = await judgeScript(`${green} --junit-prefix=stage`);
    expect(counts).toMatchObject({ total: 3, passed: 3, reconstructed: 0 });
  });
});

test('a session without plugins is only seen by its report or its exit code, as docs/verdict.md says', async () => {
  const hidden = 'PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 pytest red';
  expect(readFileSync('docs/verdict.md', 'utf8')).toContain('PYTEST_DISABLE_PLUGIN_AUTOLOAD');
  expect((await judgeScript(`${green}; ${hidden}; true`)).failure).toBeNull();
  const { failure } = await judgeScript(`${green}; ${hidden} --junitxml=results/b.xml; true`);
  expect(failure).toMatchObject({ kind: 'test', reason: expect.stringContaining('test_r2') });
});
