import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { succeed } from '../../src/core/outcome.ts';
import { placeResults, placeVariables } from '../../src/pipeline/environments/run-on-machine.ts';
import type { Run } from '../../src/pipeline/run.ts';
import { loadHistory } from '../../src/pipeline/run-history.ts';
import { renderSummary } from '../../src/report/summary-markdown.ts';
import { providePython } from '../support/python/python-packages.ts';
import { runUnitTier } from './unit-tier.ts';

const oneTest = '<testsuite name="s"><testcase name="adds" time="0.1"/></testsuite>';
const oneFailure = '<testsuite name="s"><testcase name="adds"><failure message="3 is not 4"/></testcase></testsuite>';

describe('tier unit runs the command on the runner', () => {
  test('and reports as any other tier does, without docker and without a cluster', async () => {
    const script = `console.log('hello'); require('fs').writeFileSync(process.argv[1], '${oneTest}')`;
    const { verdict, dir, quoted } = await runUnitTier(script);
    expect(verdict).toMatchObject({ outcome: 'passed', tier: 'unit', cluster: null, tests: { total: 1, passed: 1 } });
    expect(verdict.phases.map((phase) => phase.name)).toEqual(['tests', 'results', 'report']);
    expect(quoted).toEqual(['hello']);
    expect(readFileSync(path.join(dir.logs, 'machine/tests.log'), 'utf8')).toBe('hello\n');
    expect(readFileSync(path.join(dir.junit, 'junit.xml'), 'utf8')).toBe(oneTest);
  });

  test('a failing test is red, named', async () => {
    const script = `require('fs').writeFileSync(process.argv[1], '${oneFailure}'); process.exit(1)`;
    const { verdict } = await runUnitTier(script);
    expect(verdict).toMatchObject({ outcome: 'failed', failure: { kind: 'test' } });
    expect(verdict.failure?.reason).toContain('adds');
  });

  test('an exit of 0 without a report is no success', async () => {
    const { verdict } = await runUnitTier('0');
    expect(verdict).toMatchObject({ outcome: 'failed', failure: { kind: 'report' } });
  });

  test('a failed test of a pytest session whose exit code the shell swallows is red', async () => {
    const { program, packagesDir } = providePython();
    const tests = mkdtempSync(path.join(tmpdir(), 'unit-sessions-'));
    for (const [name, body] of [
      ['a', 'pass'],
      ['b', 'assert 0'],
    ] as const)
      writeFileSync(path.join(tests, `test_${name}.py`), `def test_${name}(): ${body}\n`);
    const pytest = `${program} -m pytest -q -p no:cacheprovider --rootdir=${tests} ${tests}`;
    const script = `${pytest}/test_a.py --junitxml=$RESULTS_PATH/junit.xml; ${pytest}/test_b.py; echo uploading`;
    const given = { command: JSON.stringify(['sh', '-c', script]), args: '[]', env: `PYTHONPATH=${packagesDir}` };
    const { verdict } = await runUnitTier('', given);
    expect(verdict).toMatchObject({ outcome: 'failed', failure: { kind: 'test' }, tests: { total: 2, failed: 1 } });
    expect(verdict.failure?.reason).toContain('test_b');
    const off = await runUnitTier('', { ...given, 'test-helper': 'off' });
    expect(off.verdict).toMatchObject({ outcome: 'passed', tests: { total: 1 } });
  }, 120_000);

  test('a program that does not exist is reported as missing', async () => {
    const { verdict } = await runUnitTier('', { command: 'no-such-program' });
    expect(verdict.failure).toMatchObject({ kind: 'start', reason: expect.stringContaining('no-such-program') });
  });

  test('a suite that hangs ends with its time limit', async () => {
    const { verdict } = await runUnitTier(`console.log('waits'); setInterval(() => {}, 1000)`, {
      timeout: '5s',
      grace: '1s',
    });
    expect(verdict).toMatchObject({
      failure: { kind: 'timeout', evidence: ['waits', 'command of the tests: exit code 143 (signal 15)'] },
    });
  });

  test('a cancel ends it', async () => {
    const cancel = new AbortController();
    setTimeout(() => cancel.abort('SIGINT'), 300);
    const { verdict } = await runUnitTier('setInterval(() => {}, 1000)', {}, { signal: cancel.signal });
    expect(verdict).toMatchObject({ outcome: 'cancelled', failure: { kind: 'cancelled' } });
  });

  test('what the tests get: their env, and where results go', async () => {
    const script = `const {env, argv} = process; require('fs').writeFileSync(argv[1], '${oneTest}'); console.log(env.GREETING, env.RESULTS_PATH)`;
    const { quoted, dir } = await runUnitTier(script, { env: 'GREETING=hi' });
    expect(quoted).toEqual([`hi ${dir.results}`]);
  });

  test('a secret across the cut of a long line is neither on the console nor on the disk', async () => {
    const script = `const {env, argv} = process; require('fs').writeFileSync(argv[1], '${oneTest}'); process.stdout.write('x'.repeat(65529) + env.TOKEN + 'y'.repeat(200000))`;
    const { quoted, dir } = await runUnitTier(script, { secrets: 'TOKEN=a-hidden-value' });
    const log = readFileSync(path.join(dir.logs, 'machine/tests.log'), 'utf8');
    expect(log).toBe(`${'x'.repeat(65_529)}***${'y'.repeat(200_000)}`);
    expect(quoted.join('')).toBe(log);
    expect(readFileSync(dir.reportHtml, 'utf8')).not.toMatch(/a-hidden-v|dden-value/);
  });

  test('the log holds what the tests printed, to the byte', async () => {
    const printed = `a\r\nb\rc\n\n\u00e4 without an end`;
    const script = `require('fs').writeFileSync(process.argv[1], '${oneTest}'); process.stdout.write(Buffer.from('${Buffer.from(printed).toString('hex')}ff', 'hex'))`;
    const { dir } = await runUnitTier(script);
    const log = readFileSync(path.join(dir.logs, 'machine/tests.log'));
    expect(log).toEqual(Buffer.concat([Buffer.from(printed), Buffer.from([0xff])]));
  });

  test('secrets that only the XML parser decodes are in no report', async () => {
    const report =
      '<testsuite name="s" tests="1" failures="1"><properties><property name="p" value="it&#x27;s&#x20;a-secret"/></properties>' +
      '<testcase name="a it&#39;s a-secret" classname="c"><properties><property name="q" value="it&#x27;s a-s&#101;cret"/></properties>' +
      '<failure message="it&#x27;s a-secret"><![CDATA[it\'s a-sec]]><![CDATA[ret]]> and it<![CDATA[\'s]]> a-secret</failure></testcase></testsuite>';
    const script = `require('fs').writeFileSync(process.argv[1], Buffer.from('${Buffer.from(report).toString('hex')}', 'hex')); process.exit(1)`;
    const { dir, report: told } = await runUnitTier(script, { secrets: "TOKEN=it's a-secret" });
    expect(told.tests[0]).toMatchObject({ name: 'a ***', message: '***' });
    expect(JSON.stringify(told)).not.toContain('a-secret');
    // Where summary.md cannot be read, the step summary is rendered again from memory.
    expect(renderSummary(told)).toContain('***');
    expect(renderSummary(told)).not.toMatch(/a-s(?:ecret|&#101;cret)/);
    for (const file of [dir.junitXml, dir.resultJson, dir.reportHtml, dir.summary])
      expect(readFileSync(file, 'utf8').replaceAll(/&#0?39;|&apos;/g, "'")).not.toMatch(/a-secret|a-sec\]/);
  });

  test('a cancel leaves the tests three seconds, independent of their grace at a time limit', async () => {
    const cancel = new AbortController();
    const script = `process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)`;
    const begin = performance.now();
    setTimeout(() => cancel.abort('SIGINT'), 1500);
    const { verdict } = await runUnitTier(script, { grace: '60s' }, { signal: cancel.signal });
    expect(verdict.outcome).toBe('cancelled');
    expect(performance.now() - begin).toBeLessThan(30_000);
  });

  test('secrets reach the tests, and neither console nor disk', async () => {
    const script = `const {env, argv} = process; require('fs').writeFileSync(argv[1], '${oneTest}'.replace('adds', env.TOKEN)); console.log('token', env.TOKEN)`;
    const { quoted, dir } = await runUnitTier(script, { secrets: 'TOKEN=a-hidden-value' });
    expect(quoted).toEqual(['token ***']);
    expect(readFileSync(path.join(dir.logs, 'machine/tests.log'), 'utf8')).toBe('token ***\n');
    for (const file of [dir.junitXml, dir.resultJson, dir.reportHtml])
      expect(readFileSync(file, 'utf8')).not.toContain('a-hidden-value');
  });
});

test('the results path of containers is the results directory on the runner in every argument that names it', () => {
  const words = [
    'pytest',
    '--junitxml=/results/junit.xml',
    '/results',
    '--x=/resultsX/a',
    'tests/results/b',
    '/results/a',
  ];
  expect(placeResults(words, '/results', '/home/out')).toEqual([
    'pytest',
    '--junitxml=/home/out/junit.xml',
    '/home/out',
    '--x=/resultsX/a',
    'tests/results/b',
    '/home/out/a',
  ]);
});

test('a line of a shell writes to the results directory wherever one of its words names the results path', () => {
  const place = (line: string) => placeResults(['sh', '-c', line], '/results', '/home/out').at(-1);
  expect(place('pytest --junitxml=/results/a.xml > /results/log')).toBe(
    'pytest --junitxml=/home/out/a.xml > /home/out/log',
  );
  expect(place('cp a.xml "/results"; ls /results')).toBe('cp a.xml "/home/out"; ls /home/out');
  for (const other of ['docker run -v x:/results img', 'ls /resultsX /a/results', 'echo ./results'])
    expect(place(other)).toBe(other);
  // A shell would take this directory apart, and a program would not.
  expect(placeResults(['--xml=/results/my file.xml'], '/results', '/home/my out')).toEqual([
    '--xml=/home/my out/my file.xml',
  ]);
  expect(placeResults(['ls > /results/a'], '/results', '/home/my out')).toEqual(['ls > /results/a']);
});

test('variables that name the results path name the results directory, from any source', () => {
  const given: [string, string][] = [
    ['JEST_JUNIT_OUTPUT_DIR', '/results'],
    ['GREETING', 'hi /results'],
    ['OTHER', '/resultsX'],
  ];
  const inherited = {
    PLAYWRIGHT_JUNIT_OUTPUT_FILE: '/results/junit.xml',
    HOME: '/root',
    GREETING: '/results',
    NONE: undefined,
  };
  expect(placeVariables(given, inherited, '/results', '/out')).toEqual({
    JEST_JUNIT_OUTPUT_DIR: '/out',
    GREETING: 'hi /out',
    OTHER: '/resultsX',
    PLAYWRIGHT_JUNIT_OUTPUT_FILE: '/out/junit.xml',
  });
});

describe('a reporter that takes its path by a variable', () => {
  const script = `require('fs').writeFileSync(process.env.JEST_JUNIT_OUTPUT_DIR + '/junit.xml', '${oneTest}')`;

  test('writes to the results of the run where an input names the results path', async () => {
    const { verdict } = await runUnitTier(script, { env: 'JEST_JUNIT_OUTPUT_DIR=/results', args: '[]' });
    expect(verdict).toMatchObject({ outcome: 'passed', tests: { total: 1 } });
  });
});

describe('a run whose report is missing has the message of its tool', () => {
  test('with the end of the log as its proof', async () => {
    const said = "process.stderr.write('pytest: error: unrecognized arguments: --no-such-option\\n'); process.exit(4)";
    const { verdict } = await runUnitTier(said, { args: '["pytest"]' });
    expect(verdict.failure?.reason).toContain('(pytest: a usage error): unrecognized arguments: --no-such-option');
    expect(verdict.failure?.evidence.at(-1)).toContain('the log ends with:\npytest: error: unrecognized');
  });

  test('and names a report of another format that the input junit does not take', async () => {
    const script = `require('fs').writeFileSync(process.env.RESULTS_PATH + '/a.trx', '<TestRun/>')`;
    const { verdict } = await runUnitTier(script);
    expect(verdict.failure).toMatchObject({
      kind: 'report',
      reason: expect.stringContaining('there is a.trx, a TRX report of .NET'),
      hint: expect.stringContaining("junit: '**/*.trx'"),
    });
  });
});
describe('the times of tests', () => {
  const passing = `require('fs').writeFileSync(process.argv[1], '${oneTest}')`;
  const fresh = () => path.join(mkdtempSync(path.join(tmpdir(), 'history-')), 'new', 'history.json');

  test('are kept in a file from run to run, also of tests that failed', async () => {
    const history = fresh();
    await runUnitTier(passing, { history });
    await runUnitTier(passing, { history });
    expect(JSON.parse(readFileSync(history, 'utf8'))).toMatchObject({ schema: 1, tests: { '': { adds: [0.1, 0.1] } } });
    await runUnitTier(`require('fs').writeFileSync(process.argv[1], '${oneFailure}'); process.exit(1)`, { history });
    expect(JSON.parse(readFileSync(history, 'utf8'))).toMatchObject({
      schema: 1,
      tests: { '': { adds: [0.1, 0.1, 0] } },
    });
  });

  test('are not taken from a run that ended before its tests did', async () => {
    const history = fresh();
    await runUnitTier(`${passing}; setTimeout(() => {}, 60_000)`, { history, timeout: '1s', grace: '1s' });
    expect(existsSync(history)).toBe(false);
  });

  test('are read from the junit.xml beside the result.json of an earlier run, which stays as it is', async () => {
    const { dir } = await runUnitTier(passing);
    const earlier = mkdtempSync(path.join(tmpdir(), 'earlier-'));
    const history = path.join(earlier, 'result.json');
    expect((await runUnitTier(passing, { history })).verdict.outcome).toBe('passed');
    // Also one that is not there yet is never made.
    expect(existsSync(history)).toBe(false);
    for (const file of [dir.resultJson, dir.junitXml]) cpSync(file, path.join(earlier, path.basename(file)));
    const before = readFileSync(history, 'utf8');
    expect((await runUnitTier(passing, { history })).verdict.outcome).toBe('passed');
    expect(readFileSync(history, 'utf8')).toBe(before);
    const run = { inputs: { historyFile: history }, signal: new AbortController().signal } as Run;
    expect(await loadHistory(run)).toEqual(succeed({ groups: new Map([['', new Map([['adds', [0.1]]])]]), runs: [] }));
    writeFileSync(path.join(earlier, 'junit.xml'), '<nothing/>');
    const { verdict } = await runUnitTier(passing, { history });
    expect(verdict.failure).toMatchObject({ kind: 'input', reason: expect.stringContaining('history: ') });
  });

  test('never take the place of a file that is something else', async () => {
    const history = path.join(mkdtempSync(path.join(tmpdir(), 'history-')), 'package.json');
    writeFileSync(history, '{"name":"mine"}');
    const { verdict } = await runUnitTier(passing, { history });
    expect(verdict.failure).toMatchObject({
      kind: 'input',
      reason: `history: ${history} is no history that a run of ours wrote`,
    });
    expect(readFileSync(history, 'utf8')).toBe('{"name":"mine"}');
  });
});

test('a run says and draws what it changed against five runs before it, and nothing before there are five', async () => {
  const home = mkdtempSync(path.join(tmpdir(), 'unit-history-'));
  const history = path.join(home, 'history.json');
  const write = (tests: string) =>
    `require('fs').writeFileSync(process.argv[1], '<testsuite name="s">${tests}</testsuite>')`;
  const usual = '<testcase name="a" time="0.5"/><testcase name="b" time="0.5"/>';
  const slower = '<testcase name="a" time="7.5"/>';
  const branch = (name: string) => {
    const payload = path.join(home, 'event.json');
    writeFileSync(payload, JSON.stringify({ repository: { default_branch: 'main' } }));
    vi.stubEnv('GITHUB_ACTIONS', 'true');
    vi.stubEnv('GITHUB_EVENT_PATH', payload);
    vi.stubEnv('GITHUB_REF', name);
  };
  try {
    branch('refs/heads/main');
    for (let run = 0; run < 4; run++) await runUnitTier(write(usual), { history });
    const fourth = await runUnitTier(write(slower), { history });
    expect(readFileSync(fourth.dir.summary, 'utf8')).not.toContain('What this run changed');
    expect(readFileSync(fourth.dir.reportHtml, 'utf8')).not.toContain('id="trend"');
    const trendIn = ({ resultJson }: { resultJson: string }) => JSON.parse(readFileSync(resultJson, 'utf8')).trend;
    expect(trendIn(fourth.dir)).toBeUndefined();
    // A pull request is compared, and is nothing to compare with.
    branch('refs/pull/7/merge');
    for (let push = 0; push < 2; push++) {
      const { dir } = await runUnitTier(write('<testcase name="c" time="0.5"/>'), { history });
      expect(readFileSync(dir.summary, 'utf8')).toContain(
        '**What this run changed**, against the 5 runs before\n\n- 1 test fewer than before\n',
      );
      expect(readFileSync(dir.reportHtml, 'utf8')).toContain('<h2 id="trend-title">Against the 5 runs before</h2>');
      expect(trendIn(dir)).toEqual({ runs: 5, changes: ['1 test fewer than before'] });
    }
  } finally {
    vi.unstubAllEnvs();
  }
}, 120_000);
