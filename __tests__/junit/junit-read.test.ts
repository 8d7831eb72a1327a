import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JUnitLimits, JUnitReport } from '../../src/junit/junit-report.ts';
import { locateFailure } from '../../src/junit/locate-failure.ts';
import { readJUnit } from '../../src/junit/read-junit.ts';
import { parseSeconds } from '../../src/junit/report-values.ts';

async function* pieces(text: string | Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  text: string | Uint8Array,
  limits: Partial<JUnitLimits> = {},
  size?: number,
  exitCode?: number,
): Promise<JUnitReport> {
  const reading = await readJUnit(pieces(text, size), { file: 'junit.xml', limits, exitCode });
  if (!reading.ok) throw new Error(reading.failure.reason);
  return reading.value;
}

async function refusal(text: string | Uint8Array, limits: Partial<JUnitLimits> = {}) {
  const reading = await readJUnit(pieces(text), { file: 'junit.xml', limits });
  if (reading.ok) throw new Error(`accepted with ${reading.value.counts.total} tests`);
  expect(reading.failure.kind).toBe('report');
  return reading;
}

const suite = (cases: string, attributes = 'name="s"') => `<testsuite ${attributes}>${cases}</testsuite>`;

const failsWith = (message: string) =>
  `<testcase classname="c" name="a" time="1"><failure message="${message}">t</failure></testcase>`;
const nested = (depth: number) => '<testsuite>'.repeat(depth) + '</testsuite>'.repeat(depth);

const pytestReport = `<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="1" skipped="1" tests="3" time="0.412" timestamp="2026-03-01T10:00:00.000000+00:00" hostname="pod">
<testcase classname="tests.test_orders" name="test_a[x &amp; y]" time="0.001"/>
<testcase classname="tests.test_orders" name="test_b" time="0.002"><failure message="assert 1 == 2">def test_b():
&gt;       assert 1 == 2
E       assert 1 == 2

tests/test_orders.py:9: AssertionError</failure></testcase>
<testcase classname="tests.test_orders" name="test_c" time="0.000"><skipped type="pytest.skip" message="no polaris">/app/tests/test_orders.py:12: no polaris</skipped></testcase>
</testsuite></testsuites>`;

describe('a report as pytest writes it', () => {
  test('gives each case with status, message and the place that failed', async () => {
    const report = await read(pytestReport);
    expect(report.counts).toEqual({
      total: 3,
      passed: 1,
      failed: 1,
      errors: 0,
      skipped: 1,
      flaky: 0,
      reconstructed: 0,
    });
    expect(report.cases.map(({ name, status }) => [name, status])).toEqual([
      ['test_a[x & y]', 'passed'],
      ['test_b', 'failed'],
      ['test_c', 'skipped'],
    ]);
    expect(report.cases[1]).toMatchObject({
      suite: 'pytest',
      classname: 'tests.test_orders',
      seconds: 0.002,
      message: 'assert 1 == 2',
      file: 'tests/test_orders.py',
      line: 9,
    });
    expect(report.cases[2]!.message).toBe('no polaris');
    expect(report.suites).toEqual([{ name: 'pytest', seconds: 0.412, timestamp: '2026-03-01T10:00:00.000000+00:00' }]);
    expect(report.warnings).toEqual([]);
  });

  test('reads the same in pieces of any size', async () => {
    const whole = await read(pytestReport);
    for (const size of [1, 2, 3, 7, 64]) expect(await read(pytestReport, {}, size)).toEqual(whole);
  });

  test('keeps the properties of a test, a name with two values and at most twenty', async () => {
    const property = (name: string, value: string) => `<property name="${name}" value="${value}"/>`;
    const said = `${property('needs', 'cube')}${property('needs', 'postgres &amp; co')}${property('empty', '')}`;
    const many = Array.from({ length: 25 }, (_, index) => property(`p${index}`, 'v')).join('');
    const report = await read(
      suite(
        `<testcase name="a"><properties>${said}</properties></testcase>` +
          `<testcase name="b"><properties>${many}</properties></testcase><testcase name="c"/>`,
        'name="s" tests="3"',
      ),
    );
    expect(report.cases[0]!.properties).toEqual([
      { name: 'needs', value: 'cube' },
      { name: 'needs', value: 'postgres & co' },
    ]);
    expect(report.cases[1]!.properties).toHaveLength(20);
    expect(report.cases[2]).not.toHaveProperty('properties');
    expect(report.warnings).toEqual(['junit.xml held 5 properties beyond the first 20 of a test; they were left out']);
  });

  test('lines of xunit1, which pytest counts from 0, are counted from 1', async () => {
    const xml = suite('<testcase name="a" file="tests/test_a.py" line="4"/>', 'name="pytest" tests="1"');
    expect((await read(xml)).cases[0]).toMatchObject({ file: 'tests/test_a.py', line: 5 });
  });
});

describe('what writers do wrong without harm is read', () => {
  test.each([
    ['a testsuite as root', suite('<testcase name="a"/>')],
    ['testsuites as root', `<testsuites>${suite('<testcase name="a"/>')}</testsuites>`],
    ['a case directly below testsuites', '<testsuites><testcase name="a"/></testsuites>'],
    ['blank lines before the declaration', `\n\n<?xml version="1.0"?>\n${suite('<testcase name="a"/>')}`],
    ['a byte order mark', `\ufeff<?xml version="1.0"?>${suite('<testcase name="a"/>')}`],
    ['comments and instructions', `<!-- <a --><?pi x?>${suite('<!-- - -- --><testcase name="a"/>')}<!-- end -->\n`],
    ['a comment around what looks like a case', suite('<!--<testcase name="b"/>--><testcase name="a"/>')],
  ])('%s', async (_, xml) => {
    const report = await read(xml);
    expect(report.cases.map(({ name, status }) => [name, status])).toEqual([['a', 'passed']]);
  });

  test('nested suites give their names as a path, and do not count twice', async () => {
    const inner = suite('<testcase name="a"/>', 'name="inner" tests="1"');
    const report = await read(
      `<testsuites tests="2">${suite(`${inner}<testcase name="b"/>`, 'name="outer" tests="2"')}</testsuites>`,
    );
    expect(report.cases.map(({ suite: name }) => name)).toEqual(['outer / inner', 'outer']);
    expect(report.counts.total).toBe(2);
    expect(report.warnings).toEqual([]);
  });

  test('characters that XML forbids, raw and as references, are left out with a warning', async () => {
    const xml = suite(
      '<testcase name="a\u0000b"><failure message="\u001b[31mred&#27;[0m &#0;&#x1F;&#xD800;">x\u0008y\uffff&#128512;</failure></testcase>',
    );
    for (const size of [1, 5, 64 * 1024]) {
      const report = await read(xml, {}, size);
      expect(report.cases[0]).toMatchObject({ name: 'ab', message: 'red[0m', details: 'xy😀' });
      expect(report.warnings.join()).toMatch(/held \d+ characters that XML forbids/);
    }
  });

  test.each([
    ['latin1', Buffer.from(`<?xml version="1.0" encoding="ISO-8859-1"?>${suite('<testcase name="é"/>')}`, 'latin1')],
    [
      'utf-16 with a mark',
      Buffer.from(`\ufeff<?xml version="1.0" encoding="UTF-16"?>${suite('<testcase name="é"/>')}`, 'utf16le'),
    ],
    [
      'utf-16 without a mark',
      Buffer.from(`<?xml version="1.0" encoding="UTF-16"?>${suite('<testcase name="é"/>')}`, 'utf16le'),
    ],
    ['big-endian utf-16', Buffer.from(`\ufeff${suite('<testcase name="é"/>')}`, 'utf16le').swap16()],
    [
      'utf-8 that says it is utf-16',
      Buffer.from(`<?xml version="1.0" encoding="utf-16"?>${suite('<testcase name="é"/>')}`),
    ],
  ])('%s is decoded', async (_, bytes) => {
    for (const size of [1, 3, 64 * 1024]) expect((await read(bytes, {}, size)).cases[0]!.name).toBe('é');
  });

  test('bytes that are invalid in the encoding are a warning', async () => {
    const report = await read(Buffer.from(suite('<testcase name="é"/>'), 'latin1'));
    expect(report.cases[0]!.name).toBe('\ufffd');
    expect(report.warnings.join()).toContain('held 1 characters that could not be decoded');
  });

  test('wrong counts are a warning, and those of the cases are used', async () => {
    const report = await read(
      suite(
        '<testcase name="a"/><testcase name="b"><failure/></testcase>',
        'name="s" tests="9" failures="0" errors="0"',
      ),
    );
    expect(report.counts).toMatchObject({ total: 2, passed: 1, failed: 1 });
    expect(report.warnings).toEqual([
      'junit.xml says 9 tests for suite "s" but holds 2',
      'junit.xml says 0 failures and errors for suite "s" but holds 1 failed cases',
    ]);
  });

  test('a failure that only an attribute claims is there for the verdict to see', async () => {
    const report = await read(suite('<testcase name="a"/>', 'name="s" tests="1" failures="1"'));
    expect(report.counts.failed).toBe(0);
    expect(report.claimedFailures).toBe(1);
  });

  test.each([
    ['counts tests that ran', 'tests="3" skipped="1" disabled="1"', 1],
    ['counts only skipped tests, as mocha-junit-reporter does', 'tests="3" skipped="2" disabled="1"', 0],
    ['counts none', 'tests="0"', 0],
  ])('a report without a case that %s is there for the verdict to see', async (_, attributes, claimed) => {
    expect(await read(suite('', `name="s" ${attributes}`))).toMatchObject({
      claimedTests: claimed,
      counts: { total: 0 },
    });
    const inside = `<testsuites ${attributes}><testsuite name="s"/><testsuite name="t" ${attributes}/></testsuites>`;
    expect((await read(inside)).claimedTests).toBe(claimed);
  });

  test.each([
    ['in other letters', '<Failure message="x"/>', 'failed'],
    ['in other letters', '<ERROR message="x"/>', 'error'],
    ['with the prefix of a namespace', '<j:failure message="x"/>', 'failed'],
    ['as a word', '<failed message="x"/>', 'failed'],
    ['as a word', '<timed-out message="x"/>', 'error'],
    ['as a word', '<aborted message="x"/>', 'error'],
  ])('a failure that is written %s (%s) fails its test', async (_, element, status) => {
    const { cases } = await read(suite(`<testcase name="a">${element}</testcase>`, 'name="s" tests="1" xmlns:j="x"'));
    expect(cases).toMatchObject([{ name: 'a', status, message: 'x' }]);
  });

  test('a word that is no result, or stands elsewhere than right within a case, is none', async () => {
    const properties = '<properties><timeout>30</timeout></properties><success/><Passed/><warning/>';
    const { cases } = await read(suite(`<testcase name="a">${properties}</testcase>`, 'name="s" tests="1"'));
    expect(cases).toMatchObject([{ name: 'a', status: 'passed' }]);
  });

  test('a report that was saved again with prefixes is read as it was', async () => {
    const xml =
      '<n:testsuites xmlns:n="x"><n:testsuite name="s" tests="1"><n:testcase name="a"><n:failure>why</n:failure></n:testcase></n:testsuite></n:testsuites>';
    expect((await read(xml)).cases).toMatchObject([{ suite: 's', name: 'a', status: 'failed', details: 'why' }]);
  });

  test.each(['outcome="Failed"', 'state="failed"'])('a case with the attribute %s has failed', async (attribute) => {
    const { cases } = await read(suite(`<testcase name="a" ${attribute}/>`, 'name="s" tests="1"'));
    expect(cases).toMatchObject([{ status: 'failed' }]);
  });

  test.each(['outcome="2026-11"', 'state="Bavaria"'])('the attribute %s of a case is no result', async (attribute) => {
    const { cases } = await read(suite(`<testcase name="a" ${attribute}/>`, 'name="s" tests="1"'));
    expect(cases).toMatchObject([{ status: 'passed' }]);
  });

  test('a suite that says that it failed, and none of whose tests did, is a failure of its own', async () => {
    const { cases } = await read(suite('<testcase name="a"/>', 'name="s" tests="1" result="Failed"'));
    expect(cases).toMatchObject([
      { name: 'a', status: 'passed' },
      {
        name: '(suite) s',
        status: 'failed',
        message: 'the report says result="Failed" of this suite, and none of its tests failed',
      },
    ]);
    const failed = await read(suite('<testcase name="a"><failure/></testcase>', 'name="s" tests="1" status="failed"'));
    expect(failed.cases).toHaveLength(1);
  });

  test.each(['failures="1.0"', 'failures="+1"', 'failed="1"'])('%s claims a failure', async (attribute) => {
    expect(await read(suite('<testcase name="a"/>', `name="s" tests="1" ${attribute}`))).toMatchObject({
      claimedFailures: 1,
    });
  });

  test('missing counts are a warning', async () => {
    expect((await read(suite('<testcase name="a"/>'))).warnings).toEqual(['junit.xml gave no counts for 1 suites']);
  });

  test('several failures, and an error beside a failure, are one failed case with all their messages', async () => {
    const xml = suite(
      '<testcase name="a"><error message="teardown">E</error><failure message="one">F1</failure><failure type="T">F2 first\nmore</failure></testcase>',
    );
    const report = await read(xml);
    expect(report.counts).toMatchObject({ total: 1, failed: 1, errors: 0 });
    expect(report.cases[0]).toMatchObject({
      status: 'failed',
      message: 'teardown\none\nF2 first',
      details: 'E\n\nF1\n\nF2 first\nmore',
    });
  });

  test('many skips do not hide a failure in the same case', async () => {
    const report = await read(suite(`<testcase name="a">${'<skipped/>'.repeat(50)}<failure message="m"/></testcase>`));
    expect(report.cases[0]!.status).toBe('failed');
  });

  test('an element named error inside a failure is text of the failure, not its end', async () => {
    const report = await read(
      suite(
        '<testcase name="a"><failure message="m"><error>inner</error>outer</failure></testcase><testcase name="b"/>',
      ),
    );
    expect(report.cases.map(({ status }) => status)).toEqual(['failed', 'passed']);
    expect(report.cases[0]!.details).toContain('outer');
  });

  test('a failure of the suite itself is a case, so that it is red', async () => {
    const report = await read(suite('<error message="set-up broke">trace</error>', 'name="s" tests="0"'));
    expect(report.counts).toMatchObject({ total: 1, errors: 1 });
    expect(report.cases[0]).toMatchObject({ name: '(suite) s', message: 'set-up broke', details: 'trace' });
  });

  test('a status attribute counts where there is no child element', async () => {
    const report = await read(
      suite(
        '<testcase name="a" status="notrun"/><testcase name="b" status="failed"/><testcase name="c" status="run" result="completed"/>',
      ),
    );
    expect(report.cases.map(({ status }) => status)).toEqual(['skipped', 'failed', 'passed']);
  });

  test.each(['timeout', 'timedout', 'broken', 'unknown', 'aborted', 'undefined', 'cancelled', 'constructor', '1'])(
    'a test whose status is the unknown word %s has not passed, and says which word it was',
    async (word) => {
      for (const name of ['status', 'result']) {
        const report = await read(suite(`<testcase name="a" ${name}="${word}"/>`));
        expect(report.cases).toMatchObject([
          { status: 'error', message: expect.stringContaining(`${name}="${word}"`) },
        ]);
        expect(report.counts).toMatchObject({ total: 1, errors: 1, passed: 0 });
      }
    },
  );

  test.each(['passed', 'Pass', 'ok', 'Success', 'run', 'completed', 'Executed', ''])(
    'a test whose status is %o has passed',
    async (word) => {
      const report = await read(suite(`<testcase name="a" status="${word}"/>`));
      expect(report.counts).toMatchObject({ total: 1, passed: 1 });
    },
  );

  test('the worse of status and result counts', async () => {
    const report = await read(
      suite(
        '<testcase name="a" status="run" result="skipped"/><testcase name="b" status="failed" result="completed"/>',
      ),
    );
    expect(report.cases.map(({ status }) => status)).toEqual(['skipped', 'failed']);
  });

  test.each([
    ['node --test', '<skipped type="todo" message="later"/><failure type="testCodeFailure" message="not yet"/>'],
    ['Catch2', '<skipped message="TEST_CASE tagged with !mayfail"/><failure message="1 == 2" type="CHECK"/>'],
  ])('a test that may fail does not fail the run: %s', async (_, said) => {
    const report = await read(suite(`<testcase name="a">${said}</testcase>`, 'name="s" tests="1" failures="1"'));
    expect(report.counts).toMatchObject({ total: 1, skipped: 1, failed: 0 });
    expect(report.claimedFailures).toBeLessThanOrEqual(report.failedRuns);
  });

  test('a test that was skipped for another reason and failed is red', async () => {
    const report = await read(
      suite('<testcase name="a"><skipped message="no db"/><error message="teardown"/></testcase>'),
    );
    expect(report.counts).toMatchObject({ errors: 1, skipped: 0 });
  });

  test('times of container-structure-test are nanoseconds, and its Pass element counts', async () => {
    const report = await read(
      '<testsuites failures="1" tests="3" time="1515000000"><testsuite>' +
        '<testcase name="a" time="515000000"><Pass>true</Pass><Stdout>x</Stdout></testcase>' +
        '<testcase name="b" time="1000000000"><Pass>false</Pass><failure>no file</failure></testcase>' +
        '<testcase name="c" time="0"><Pass>false</Pass></testcase></testsuite></testsuites>',
    );
    expect(report.cases.map(({ status, seconds }) => [status, seconds])).toEqual([
      ['passed', 0.515],
      ['failed', 1],
      ['failed', 0],
    ]);
  });
});

describe('what a suite writes of itself', () => {
  const noise = '<system-err>warning: slow\nError: retried</system-err>';

  test('is no failure where its counts are those of its cases, and where the failures it counts were made good by reruns', async () => {
    const well = await read(suite(`${noise}<testcase name="a"/>`, 'name="s" tests="1" failures="0" errors="0"'));
    expect(well.counts).toMatchObject({ total: 1, passed: 1 });
    const rerun = '<testcase name="a"><flakyError message="late"/></testcase>';
    const flaky = await read(suite(`${rerun}${noise}`, 'name="s" tests="1" failures="0" errors="1"'));
    expect(flaky.counts).toMatchObject({ total: 1, passed: 1, flaky: 1 });
  });

  test('is what failed where it counts an error that no case shows, and its parents do not count it again', async () => {
    const inner = suite(`${noise}<testcase name="a"/>`, 'name="s" tests="1" errors="1"');
    const report = await read(`<testsuites tests="1" errors="1">${inner}</testsuites>`);
    expect(report.cases.map(({ name, status, message }) => [name, status, message])).toEqual([
      ['a', 'passed', ''],
      ['(suite) s', 'error', 'Error: retried'],
    ]);
    expect(report.warnings).toEqual([]);
  });
});

describe('times', () => {
  test.each([
    ['1.5', 1.5],
    ['1,234.567', 1234.567],
    ['1.234,5', 1234.5],
    ['0,123', 0.123],
    ['12s', 12],
    ['.5', 0.5],
    ['1e-05', 0.00001],
    ['NaN', undefined],
    ['-1', undefined],
    ['Infinity', undefined],
    ['1e999', undefined],
    ['', undefined],
    ['soon', undefined],
  ])('%s', (text, seconds) => expect(parseSeconds(text)).toBe(seconds));

  test('that are invalid count as 0 with a warning', async () => {
    const report = await read(
      suite('<testcase name="a" time="NaN"/><testcase name="b" time="-3"/>', 'name="s" tests="2"'),
    );
    expect(report.cases.map(({ seconds }) => seconds)).toEqual([0, 0]);
    expect(report.warnings).toEqual(['junit.xml gave 2 invalid times (read as 0 s)']);
  });
});

describe('flaky tests', () => {
  test('surefire’s flakyFailure makes a passed case flaky, rerunFailure leaves it failed', async () => {
    const flaky =
      '<testcase name="a"><flakyFailure message="first" type="T"><stackTrace>trace</stackTrace><system-out>noise</system-out></flakyFailure></testcase>';
    const failed =
      '<testcase name="b"><failure message="m">f</failure><rerunFailure message="m2">r</rerunFailure></testcase>';
    const report = await read(suite(flaky + failed));
    expect(report.counts).toMatchObject({ total: 2, passed: 1, failed: 1, flaky: 1 });
    expect(report.cases[0]).toMatchObject({ status: 'passed', flakyRuns: 1, message: 'first', details: 'trace' });
    expect(report.cases[1]).toMatchObject({ status: 'failed', flakyRuns: 1, message: 'm' });
  });

  test('a case that failed twice and then passed is one flaky case where the run ended well', async () => {
    const xml = suite(
      `${failsWith('1')}${failsWith('2')}<testcase classname="c" name="a" time="1"/><testcase name="z"/>`,
    );
    const report = await read(xml, {}, undefined, 0);
    expect(report.counts).toMatchObject({ total: 2, passed: 2, failed: 0, flaky: 1 });
    expect(report.cases.map(({ name, status, flakyRuns, message }) => [name, status, flakyRuns, message])).toEqual([
      ['a', 'passed', 2, '2'],
      ['z', 'passed', undefined, ''],
    ]);
  });

  test.each([
    ['failed', 1],
    ['was killed, so that nobody knows', undefined],
  ])('a failed case stays failed beside one of its name that passed, where the run %s', async (_, exitCode) => {
    const xml = suite(
      `${failsWith('1')}${failsWith('2')}<testcase classname="c" name="a" time="1"/>`,
      'name="s" tests="3"',
    );
    const report = await read(xml, {}, undefined, exitCode);
    expect(report.counts).toMatchObject({ total: 3, passed: 1, failed: 2, flaky: 0 });
    expect(report.cases.map(({ status }) => status)).toEqual(['failed', 'failed', 'passed']);
  });

  test('equal names on other hosts are other tests, distinguished by the host, although the run passed', async () => {
    const on = (host: string, cases: string) => suite(cases, `name="shop.spec.ts" hostname="${host}" tests="1"`);
    const xml = `<testsuites>${on('chromium', failsWith('no cart'))}${on('firefox', '<testcase classname="c" name="a"/>')}</testsuites>`;
    for (const exitCode of [0, 1]) {
      const report = await read(xml, {}, undefined, exitCode);
      expect(report.counts).toMatchObject({ total: 2, passed: 1, failed: 1, flaky: 0 });
      expect(report.cases.map((one) => [one.suite, one.status])).toEqual([
        ['[chromium] shop.spec.ts', 'failed'],
        ['[firefox] shop.spec.ts', 'passed'],
      ]);
    }
  });

  test('one host alone is not part of the name of a suite', async () => {
    const report = await read(suite('<testcase name="a"/>', 'name="s" hostname="pod" tests="1"'));
    expect(report.cases[0]!.suite).toBe('s');
  });

  test('two pytest suites of one report that hold the same tests, both passed, are not flaky', async () => {
    const once = suite('<testcase classname="c" name="a"/>', 'name="pytest" tests="1"');
    const report = await read(`<testsuites name="pytest tests">${once}${once}</testsuites>`, {}, undefined, 0);
    expect(report.counts).toMatchObject({ total: 2, passed: 2, flaky: 0 });
  });

  test('pytest’s reruns are recognised with any junit_suite_name', async () => {
    const again = suite('<testcase classname="c" name="a"/>'.repeat(2), 'name="checkout" tests="1"');
    const report = await read(`<testsuites name="pytest tests">${again}</testsuites>`, {}, undefined, 1);
    expect(report.counts).toMatchObject({ total: 1, passed: 1, flaky: 1 });
  });

  test('a case that passed and then failed is not flaky but failed', async () => {
    const report = await read(suite('<testcase name="a"/><testcase name="a"><failure message="m"/></testcase>'));
    expect(report.counts).toMatchObject({ total: 2, passed: 1, failed: 1, flaky: 0 });
  });

  test('reruns as pytest-rerunfailures writes them, without their failures, are one case', async () => {
    const failed = '<testcase classname="c" name="a"><failure message="m"/></testcase>';
    const xml = suite(
      `${'<testcase classname="c" name="a"/>'.repeat(2)}${failed}<testcase classname="c" name="a"><error message="teardown"/></testcase>${'<testcase classname="c" name="b"/>'.repeat(3)}<testcase classname="c" name="c"/>`,
      'name="pytest" tests="4" failures="1" errors="1"',
    );
    const report = await read(xml);
    expect(report.cases.map(({ name, status, flakyRuns }) => [name, status, flakyRuns])).toEqual([
      ['a', 'failed', 2],
      ['a', 'error', undefined],
      ['b', 'passed', 2],
      ['c', 'passed', undefined],
    ]);
    expect(report.counts).toEqual({
      total: 4,
      passed: 2,
      failed: 1,
      errors: 1,
      skipped: 0,
      flaky: 1,
      reconstructed: 0,
    });
    expect(report.warnings).toEqual([]);
  });

  test('the same name twice, both passed, are two tests where names need not be unique', async () => {
    expect((await read(suite('<testcase name="a"/>'.repeat(2)))).counts).toMatchObject({
      total: 2,
      passed: 2,
      flaky: 0,
    });
  });

  test('equal names in other suites, classes or files are other tests', async () => {
    const failed = '<testcase classname="c" name="a" file="f"><failure/></testcase>';
    const report = await read(
      `<testsuites>${suite(failed)}${suite('<testcase classname="c" name="a" file="f"/>', 'name="t"')}
      ${suite('<testcase classname="d" name="a" file="f"/><testcase classname="c" name="a" file="g"/>')}</testsuites>`,
      {},
      undefined,
      0,
    );
    expect(report.counts).toMatchObject({ total: 4, passed: 3, failed: 1, flaky: 0 });
  });

  test('names that differ only far behind what is shown are other tests', async () => {
    const long = 'x'.repeat(10_000);
    const xml = suite(`<testcase name="${long}1"><failure/></testcase><testcase name="${long}2"/>`);
    const report = await read(xml, {}, undefined, 0);
    expect(report.counts).toMatchObject({ total: 2, failed: 1, flaky: 0 });
    expect(report.cases[0]!.name).toHaveLength(1000);
    const boundless = 'x'.repeat(100_000);
    const cut = await read(
      suite(`<testcase name="${boundless}1"><failure/></testcase><testcase name="${boundless}2"/>`),
      {},
      undefined,
      0,
    );
    expect(cut.counts).toMatchObject({ total: 2, failed: 1, flaky: 0 });
  });
});

describe('a report with false results is refused, with file and line', () => {
  test.each([
    ['an empty file', '', /junit.xml is empty/],
    ['nothing but blanks', ' \n ', /junit.xml is empty/],
    [
      'a file cut off after a case',
      pytestReport.slice(0, pytestReport.indexOf('<testcase classname="tests.test_orders" name="test_c"')),
      /is cut off: its <testsuite> never ends \(line 9\)/,
    ],
    ['a file cut off in a tag', '<testsuite><testcase name', /ends in the middle of a tag/],
    ['a file cut off in a value', '<testsuite><testcase name="a', /ends in the middle of a value/],
    ['a file cut off in CDATA', '<testsuite><testcase><failure><![CDATA[x', /ends in the middle of a CDATA section/],
    ['a file cut off in a comment', '<testsuite></testsuite><!-- x', /ends in the middle of a comment/],
    ['tags that do not match', '<testsuite>\n<testcase></testsuite>', /unexpected close tag \(line 2\)/],
    [
      'an entity that is none',
      '<testsuite>\n\n<testcase name="a & b"/></testsuite>',
      /"&" that begins no entity \(line 3\)/,
    ],
    ['an unknown entity', suite('<testcase name="&nbsp;"/>'), /undefined entity/],
    ['a raw < in a value', suite('<testcase name="a<b"/>'), /not well-formed XML/],
    ['two documents in one file', suite('') + suite(''), /only one root/],
    ['text that is no XML', 'All tests passed', /not well-formed XML: text data outside of root/],
    ['a DOCTYPE', '<!DOCTYPE testsuite><testsuite/>', /has a DOCTYPE, which is refused/],
    [
      'a billion laughs',
      '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><testsuite name="&lol2;"/>',
      /DOCTYPE/,
    ],
    ['an entity declaration', '<!ENTITY a "b"><testsuite/>', /declaration that no report needs/],
    ['an unknown encoding', '<?xml version="1.0" encoding="klingon"?><testsuite/>', /unknown encoding "klingon"/],
    ['a case in a case', suite('<testcase name="a"><testcase name="b"/></testcase>'), /test case inside a test case/],
    ['a tag without end', `<testsuite ${'a'.repeat(400_000)}`, /tag of boundless length/],
  ])('%s', async (_, xml, reason) => {
    const { failure } = await refusal(xml);
    expect(failure.reason).toMatch(reason);
    expect(failure.reason).toMatch(/^junit\.xml /);
  });

  test('nesting up to the limit is read, deeper is refused', async () => {
    expect((await read(nested(100))).counts.total).toBe(0);
    expect((await refusal(nested(101))).failure.reason).toContain('nests elements more than 100 deep');
  });

  test('XML of another kind names its root, so that a caller may leave it aside', async () => {
    expect((await refusal('<coverage version="7"/>')).foreignRoot).toBe('coverage');
    expect(
      (await refusal('<?xml version="1.0"?>\n<!DOCTYPE report PUBLIC "-//JACOCO//DTD" "report.dtd"><report/>'))
        .foreignRoot,
    ).toBe('report');
    expect((await refusal('<!DOCTYPE testsuites []><testsuites/>')).foreignRoot).toBeUndefined();
    expect((await refusal('<testsuite>')).foreignRoot).toBeUndefined();
  });

  test('the line is that of the file, also after parts that were left out', async () => {
    const xml = `<?xml version="1.0"?>\n<!-- a\nb\n-->\n<testsuite>\n<testcase name="a"><failure>${'line\n'.repeat(100_000)}</failure></testcase>\n<oops></testsuite>`;
    expect((await refusal(xml)).failure.reason).toContain('(line 100007)');
  });

  test('a hint names the early end of the process where the report ends early', async () => {
    expect((await refusal('<testsuites><testsuite>')).failure.hint).toContain('ended before it had written its report');
  });

  test('a report without cases is read; its counts are zero and the verdict decides', async () => {
    expect((await read('<testsuites/>')).counts.total).toBe(0);
  });
});

describe('bounds', () => {
  test('long details keep beginning and end and show how much is missing', async () => {
    const body = `BEGIN${'x'.repeat(1_000_000)}tests/test_a.py:7: AssertionError`;
    for (const text of [body, `<![CDATA[${body}]]>`]) {
      const report = await read(suite(`<testcase name="a"><failure message="m">${text}</failure></testcase>`));
      const { details, line } = report.cases[0]!;
      expect(details.length).toBeLessThan(64 * 1024 + 200);
      expect(details).toMatch(/^BEGINx+\n… 934,\d{3} characters left out …\nx+tests\/test_a\.py:7: AssertionError$/);
      expect(line).toBeUndefined();
      expect(report.warnings.join()).toContain('held 1 texts too long to keep');
    }
  });

  test('a cut never tears an entity or a pair of surrogates', async () => {
    for (let pad = 0; pad < 12; pad++) {
      const text = 'p'.repeat(pad) + '&amp;😀&#x1F600;&lt;'.repeat(50);
      const report = await read(suite(`<testcase name="a"><failure>${text}</failure></testcase>`), {
        detailsChars: 40,
      });
      expect(report.cases[0]!.details.isWellFormed()).toBe(true);
      expect(report.cases[0]!.details).toContain('left out');
    }
  });

  test('entities are read in the end of a text that was cut, too', async () => {
    const long = (end: string) =>
      suite(`<testcase name="a"><failure>${'&lt;'.repeat(50_000)}${end}</failure></testcase>`);
    const report = await read(long('&#27;&amp;end'));
    expect(report.cases[0]!.details).toMatch(/^<+\n… 1\d\d,\d{3} characters left out …\n(lt;|t;|;)?<+&end$/);
    expect((await refusal(long(' & '))).failure.reason).toContain('"&" that begins no entity');
  });

  test('a name of 10 kB is cut for display with a warning', async () => {
    const report = await read(suite(`<testcase classname="${'c'.repeat(10_240)}" name="${'😀'.repeat(5_120)}"/>`));
    expect(report.cases[0]!.name.length).toBeLessThanOrEqual(1000);
    expect(report.cases[0]!.name.isWellFormed()).toBe(true);
    expect(report.warnings.join()).toContain('held 2 names longer than 1000 characters');
  });

  test('20,000 cases keep all their text', async () => {
    const xml = suite(
      Array.from(
        { length: 20_000 },
        (_, i) => `<testcase name="t${i}"><failure message="m${i}">d${i}</failure></testcase>`,
      ).join(''),
    );
    const report = await read(xml);
    expect(report.cases).toHaveLength(20_000);
    expect(report.casesLeftOut).toBe(0);
    expect(report.cases[19_999]).toMatchObject({ name: 't19999', message: 'm19999', details: 'd19999' });
  });

  test('beyond the bound failed cases are kept before others, and all are counted', async () => {
    const cases = Array.from(
      { length: 300 },
      (_, i) => `<testcase name="t${i}">${i % 3 === 0 ? '<failure/>' : ''}</testcase>`,
    );
    const report = await read(suite(cases.join('')), { keptCases: 10, keptFailures: 50 });
    expect(report.counts).toMatchObject({ total: 300, passed: 200, failed: 100 });
    expect(report.cases.filter(({ status }) => status === 'failed')).toHaveLength(50);
    expect(report.cases.filter(({ status }) => status === 'passed')).toHaveLength(10);
    expect(report.casesLeftOut).toBe(240);
    expect(report.warnings.join()).toContain('240 are only counted');
  });

  test('details of all cases together are bounded', async () => {
    const cases = Array.from(
      { length: 100 },
      (_, i) => `<testcase name="t${i}"><failure>${'d'.repeat(5000)}</failure></testcase>`,
    );
    const report = await read(suite(cases.join('')), { totalDetailsChars: 50_000, messageChars: 100 });
    expect(report.cases.reduce((sum, { details }) => sum + details.length, 0)).toBeLessThan(60_000 + 100 * 100);
    expect(report.warnings.join()).toContain('the details of 90 were cut short');
  });

  test('a thousand warnings do not become a thousand lines', async () => {
    const report = await read(`<testsuites>${suite('', 'tests="5"').repeat(1000)}</testsuites>`);
    expect(report.warnings).toHaveLength(21);
    expect(report.warnings.at(-1)).toBe('junit.xml: 980 more warnings');
  });
});

describe('a file on disk', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'junit-read-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  test('is read by its path', async () => {
    await writeFile(path.join(dir, 'junit.xml'), pytestReport);
    const reading = await readJUnit(path.join(dir, 'junit.xml'), { file: 'junit.xml' });
    expect(reading.ok && reading.value.counts.total).toBe(3);
  });

  test('that is not there is a failure of kind report', async () => {
    const reading = await readJUnit(path.join(dir, 'none.xml'), { file: 'none.xml' });
    expect(!reading.ok && reading.failure).toMatchObject({
      kind: 'report',
      reason: expect.stringMatching(/^none\.xml cannot be read: ENOENT/),
    });
  });

  test('an aborted signal ends the reading with its reason', async () => {
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('<testsuite>');
      for (let i = 0; ; i++) {
        if (i === 10) controller.abort(new Error('cancelled by the user'));
        yield Buffer.from('<testcase name="a"/>');
      }
    }
    await expect(readJUnit(endless(), { signal: controller.signal })).rejects.toThrow('cancelled by the user');
  });
});

describe('where a test failed', () => {
  test.each([
    [
      'tests/test_a.py:12: in test_a\n    f()\n/usr/lib/python3/site-packages/x.py:3: ValueError',
      'tests/test_a.py',
      12,
    ],
    [
      'tests/test_a.py:6: in ask\n    return urlopen(url)\n/usr/lib/python3.11/urllib/request.py:1364: URLError',
      'tests/test_a.py',
      6,
    ],
    [
      'Traceback:\n  File "/app/tests/test_a.py", line 5, in test_a\n  File "/app/src/orders.py", line 9, in f',
      '/app/src/orders.py',
      9,
    ],
    ['    orders_test.go:31: want 3', 'orders_test.go', 31],
    [
      'Error: x\n    at f (node:internal/x:1:1)\n    at Object.<anonymous> (/app/src/a.test.ts:7:15)\n    at g (/app/b.ts:1:1)',
      '/app/src/a.test.ts',
      7,
    ],
  ])('%s', (details, file, line) => expect(locateFailure(details)).toEqual({ file, line }));

  test('text without a trace names no place, however hostile', () => {
    expect(locateFailure(`${'a/'.repeat(40_000)}\n${'at ('.repeat(200)}\n${'\t'.repeat(900)}`)).toBeUndefined();
  });
});
