/** Reports that are no JUnit, by their documented formats; what real tools wrote of them is in recorded-reports.test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JUnitReport } from '../../src/junit/junit-report.ts';
import { readJUnit } from '../../src/junit/read-junit.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'other-formats-'));
});
afterAll(() => rmSync(root, { recursive: true }));

async function reading(name: string, text: string) {
  const file = path.join(root, name);
  writeFileSync(file, text);
  return readJUnit(file, { file: name, otherFormats: true, exitCode: 1 });
}

async function read(name: string, text: string): Promise<JUnitReport> {
  const report = await reading(name, text);
  if (!report.ok) throw new Error(report.failure.reason);
  return report.value;
}

const statusesOf = (report: JUnitReport) => report.cases.map(({ name, status }) => `${name}: ${status}`);

describe('NUnit', () => {
  const fixture = (cases: string, more = '') => `<?xml version="1.0" encoding="utf-8"?>
<test-run id="0" testcasecount="7" result="Failed" total="7" passed="2" failed="3">
 <test-suite type="Assembly" name="Shop.Tests.dll" fullname="/app/Shop.Tests.dll" total="7" failed="3">
  <failure><message>One or more child tests had errors</message></failure>
  <test-suite type="TestSuite" name="Shop"><test-suite type="TestFixture" name="CartTests" fullname="Shop.CartTests" result="Failed" site="Child"${more}>
   <failure><message><![CDATA[One or more child tests had errors]]></message></failure>${cases}
  </test-suite></test-suite>
 </test-suite>
</test-run>`;

  test('3: each test has its outcome, and what a fixture reports of its children is no test', async () => {
    const report = await read(
      'TestResult.xml',
      fixture(`<test-case name="Adds" classname="Shop.CartTests" result="Passed" duration="0.05"/>
       <test-case name="Pays" classname="Shop.CartTests" result="Failed" duration="0.1"><failure><message><![CDATA[no cart]]></message><stack-trace><![CDATA[at Shop.CartTests.Pays()]]></stack-trace></failure></test-case>
       <test-case name="Stores" classname="Shop.CartTests" result="Failed" label="Error"><failure><message>no database</message></failure></test-case>
       <test-case name="Later" classname="Shop.CartTests" result="Skipped" label="Ignored"><reason><message>no polaris</message></reason></test-case>
       <test-case name="Warns" classname="Shop.CartTests" result="Warning"><reason><message>slow</message></reason></test-case>
       <test-case name="Unsure" classname="Shop.CartTests" result="Inconclusive"/>
       <test-case name="Odd" classname="Shop.CartTests" result="Exploded"/>`),
    );
    expect(statusesOf(report)).toEqual([
      'Adds: passed',
      'Pays: failed',
      'Stores: error',
      'Later: skipped',
      'Warns: passed',
      'Unsure: skipped',
      'Odd: error',
    ]);
    expect(report.cases[1]).toMatchObject({
      suite: 'Shop.Tests.dll / Shop.CartTests',
      classname: 'Shop.CartTests',
      seconds: 0.1,
      message: 'no cart',
      details: 'at Shop.CartTests.Pays()',
    });
    expect(report.cases[3]!.message).toBe('no polaris');
  });

  test('3: a set-up of a fixture that failed is an error of its own', async () => {
    const report = await read('TestResult.xml', fixture('').replace('site="Child"', 'site="SetUp"'));
    expect(report.counts).toMatchObject({ total: 1, errors: 1 });
  });

  test('2: results in its own words', async () => {
    const report = await read(
      'TestResult2.xml',
      `<test-results name="a.dll" total="4" errors="1" failures="1"><test-suite type="TestFixture" name="Cart"><results>
      <test-case name="Cart.Adds" executed="True" result="Success" success="True" time="0.013"/>
      <test-case name="Cart.Pays" executed="True" result="Failure" success="False" time="0.1"><failure><message>no cart</message><stack-trace>at Cart</stack-trace></failure></test-case>
      <test-case name="Cart.Stores" executed="True" result="Error" success="False"><failure><message>no database</message></failure></test-case>
      <test-case name="Cart.Later" executed="False" result="Ignored"><reason><message>later</message></reason></test-case>
      <test-case name="Cart.Private" executed="False" result="NotRunnable"><reason><message>not public</message></reason></test-case>
      </results></test-suite></test-results>`,
    );
    expect(statusesOf(report)).toEqual([
      'Cart.Adds: passed',
      'Cart.Pays: failed',
      'Cart.Stores: error',
      'Cart.Later: skipped',
      'Cart.Private: error',
    ]);
  });
});

test('xUnit.net: tests, and an error of the clean-up', async () => {
  const report = await read(
    'xunit.xml',
    `<assemblies><assembly name="C:\\app\\Shop.Tests.dll" total="3" failed="1" errors="1" time="0.5"><errors><error type="test-collection-cleanup" name="c"><failure exception-type="X"><message>left behind</message></failure></error></errors>
     <collection name="c" total="3"><test name="Shop.Cart.Adds" type="Shop.Cart" method="Adds" time="0.4" result="Pass"/>
     <test name="Shop.Cart.Pays" type="Shop.Cart" method="Pays" time="0.1" result="Fail"><failure exception-type="Xunit.Sdk.TrueException"><message><![CDATA[no cart]]></message><stack-trace>at Shop.Cart.Pays()</stack-trace></failure></test>
     <test name="Shop.Cart.Later" type="Shop.Cart" method="Later" time="0" result="Skip"><reason><![CDATA[no polaris]]></reason></test>
     </collection></assembly></assemblies>`,
  );
  expect(statusesOf(report)).toEqual([
    '(suite) Shop.Tests.dll: error',
    'Shop.Cart.Adds: passed',
    'Shop.Cart.Pays: failed',
    'Shop.Cart.Later: skipped',
  ]);
  expect(report.cases[2]).toMatchObject({ classname: 'Shop.Cart', message: 'no cart', seconds: 0.1 });
});

describe('TRX', () => {
  const run = (results: string, summary = '') =>
    `<?xml version="1.0"?><TestRun id="1" name="n" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>${results}</Results><TestDefinitions><UnitTest name="Adds"><TestMethod className="Cart" name="Adds"/></UnitTest></TestDefinitions><ResultSummary outcome="Failed">${summary}</ResultSummary></TestRun>`;
  const one = (name: string, outcome: string, inner = '') =>
    `<UnitTestResult testId="1" testName="${name}" duration="00:01:02.5000000" outcome="${outcome}">${inner}</UnitTestResult>`;
  const said = (message: string) =>
    `<Output><StdOut>x</StdOut><ErrorInfo><Message>${message}</Message><StackTrace>at Cart.Pays()</StackTrace></ErrorInfo></Output>`;

  test('each outcome, times, and results within a result once', async () => {
    const report = await read(
      'a.trx',
      run(
        one('Adds', 'Passed') +
          one('Pays', 'Failed', said('no cart')) +
          one('Hangs', 'Timeout', said('too slow')) +
          one('Later', 'NotExecuted', said('no polaris')) +
          one('Odd', 'Disconnected') +
          one(
            'Rows',
            'Failed',
            `${said('row 2')}<InnerResults>${one('Rows (2)', 'Failed', said('row 2'))}</InnerResults>`,
          ),
        '<Counters total="6" failed="2" timeout="1"/><RunInfos><RunInfo outcome="Error"><Text>[xUnit.net] Pays [FAIL]</Text></RunInfo></RunInfos>',
      ),
    );
    expect(statusesOf(report)).toEqual([
      'Adds: passed',
      'Pays: failed',
      'Hangs: error',
      'Later: skipped',
      'Odd: error',
      'Rows: failed',
    ]);
    expect(report.cases[1]).toMatchObject({ seconds: 62.5, message: 'no cart', details: 'at Cart.Pays()' });
  });

  test('a run that was aborted after tests that passed is red', async () => {
    const aborted = run(
      one('Adds', 'Passed'),
      '<Counters total="1" passed="1" failed="0"/><RunInfos><RunInfo outcome="Error"><Text>The active test run was aborted.</Text></RunInfo></RunInfos>',
    );
    expect((await read('b.trx', aborted)).counts).toMatchObject({ total: 2, passed: 1, errors: 1 });
  });

  test('counts that come before the tests, as other writers have them, are compared with all tests', async () => {
    const counts = '<ResultSummary outcome="Failed"><Counters total="2" failed="1"/></ResultSummary>';
    const report = await read(
      'early.trx',
      `<TestRun>${counts}<Results>${one('Pays', 'Failed', said('no cart'))}</Results></TestRun>`,
    );
    expect(statusesOf(report)).toEqual(['Pays: failed']);
    const early = await read(
      'early-too.trx',
      `<TestRun>${counts}<Results>${one('Adds', 'Passed')}</Results></TestRun>`,
    );
    expect(early.counts).toMatchObject({ total: 2, passed: 1, errors: 1 });
  });

  test('failures that are only in its counters are red', async () => {
    const report = await read('c.trx', run(one('Adds', 'Passed'), '<Counters total="2" failed="1"/>'));
    expect(report.cases.at(-1)).toMatchObject({
      status: 'error',
      message: 'the run counts 1 failed tests, and names 0',
    });
  });
});

test('Robot Framework: the status of a keyword is not that of its test', async () => {
  const report = await read(
    'output.xml',
    `<robot><suite name="Shop"><test name="Retries"><kw name="Try"><status status="FAIL">inner</status></kw><status status="PASS" elapsed="0.5"/></test>
     <test name="Pays"><kw name="Fail"><status status="FAIL">no cart</status></kw><status status="FAIL" elapsed="0.1">no cart</status></test>
     <test name="Without a status"><kw name="Log"><status status="PASS"/></kw></test></suite></robot>`,
  );
  expect(statusesOf(report)).toEqual(['Retries: passed', 'Pays: failed', 'Without a status: error']);
  expect(report.cases[0]!.seconds).toBe(0.5);
});

describe('TAP', () => {
  test('skip, todo, a bail out, and tests that were planned and did not run', async () => {
    const tap =
      'TAP version 13\n1..6\nok 1 - adds\nnot ok 2 - pays\n  ---\n  message: "no cart"\n  ...\nok 3 # SKIP no polaris\nnot ok 4 - later # TODO known\nBail out! no database\n';
    const report = await read('a.tap', tap);
    expect(statusesOf(report)).toEqual([
      'adds: passed',
      'pays: failed',
      '(unnamed): skipped',
      'later: skipped',
      '(suite) TAP: error',
      '(suite) TAP: error',
    ]);
    expect(report.cases[1]!.message).toBe('no cart');
    expect(report.cases.slice(-2).map(({ message }) => message)).toEqual([
      'Bail out! no database',
      '6 tests were planned, and 4 ran',
    ]);
  });

  test('a parent that failed though none of its subtests did is a failed test', async () => {
    const report = await read('b.tap', '# Subtest: cart\n    ok 1 - adds\n    1..1\nnot ok 1 - cart\n1..1\n');
    expect(statusesOf(report)).toEqual(['adds: passed', 'cart: failed']);
  });

  test('without a plan its writer was killed: its content is only partial', async () => {
    const cut = await reading('c.tap', 'TAP version 13\nok 1 - adds\n');
    expect(cut).toMatchObject({ ok: false, partial: { counts: { total: 1, passed: 1 } } });
    expect((await reading('d.tap', '')).ok).toBe(false);
  });
});

describe('CTRF', () => {
  const ctrf = (tests: unknown[], summary = {}) => JSON.stringify({ results: { tool: { name: 'x' }, summary, tests } });

  test('statuses, suites, times in milliseconds, and flaky tests', async () => {
    const report = await read(
      'ctrf.json',
      ctrf([
        { name: 'adds', status: 'passed', duration: 1500, suite: ['shop', 'cart'] },
        { name: 'pays', status: 'failed', message: 'no cart\u0000', trace: 'at a.js:1', filePath: 'a.js' },
        { name: 'later', status: 'pending' },
        { name: 'wobbles', status: 'passed', flaky: true, retries: 2 },
        { name: 'odd', status: 'other' },
      ]),
    );
    expect(statusesOf(report)).toEqual([
      'adds: passed',
      'pays: failed',
      'later: skipped',
      'wobbles: passed',
      'odd: error',
    ]);
    expect(report.cases[0]).toMatchObject({ classname: 'shop > cart', seconds: 1.5 });
    expect(report.cases[1]).toMatchObject({ message: 'no cart\ufffd', file: 'a.js' });
    expect(report.cases[3]).toMatchObject({ flakyRuns: 2 });
  });

  test('failures that are only in its summary reach the verdict', async () => {
    const report = await read('ctrf.json', ctrf([{ name: 'adds', status: 'passed' }], { tests: 2, failed: 1 }));
    expect(report.claimedFailures).toBe(1);
    expect(report.failedRuns).toBe(0);
  });

  test('other JSON is none, and cut JSON is unreadable', async () => {
    expect(await reading('package.json', '{ "name": "shop" }')).toMatchObject({ ok: false, foreignRoot: 'JSON' });
    const cut = await reading('cut.json', ctrf([{ name: 'adds', status: 'passed' }]).slice(0, 50));
    expect(cut.ok).toBe(false);
    expect(cut).not.toHaveProperty('foreignRoot');
  });
});

test('Cypress, by the documented shape of mocha-junit-reporter: no browser of Cypress was at hand to record one', async () => {
  const report = await read(
    'cypress.xml',
    `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="Mocha Tests" time="1.2" tests="3" failures="1" skipped="1">
  <testsuite name="Root Suite" timestamp="2026-11-28T10:00:00" tests="0" file="cypress/e2e/shop.cy.js" time="0.0" failures="0"></testsuite>
  <testsuite name="shop" timestamp="2026-11-28T10:00:00" tests="3" time="1.2" failures="1">
    <testcase name="shop adds" time="0.4" classname="adds"></testcase>
    <testcase name="shop pays" time="0.8" classname="pays"><failure message="Timed out retrying after 4000ms: Expected to find element: #cart" type="AssertionError"><![CDATA[AssertionError: Timed out]]></failure></testcase>
    <testcase name="shop later" time="0" classname="later"><skipped/></testcase>
  </testsuite>
</testsuites>`,
  );
  expect(statusesOf(report)).toEqual(['shop adds: passed', 'shop pays: failed', 'shop later: skipped']);
  expect(report.cases[1]!.message).toContain('Expected to find element: #cart');
  expect(report.warnings).toEqual([]);
});

describe('a run that its own report calls failed is not green, for any outcome of the tests in it', () => {
  const green = {
    nunit: '<test-case name="Adds" result="Passed"/>',
    trx: '<UnitTestResult testName="Adds" outcome="Passed"/>',
  };
  const fixtureOf = (attributes: string) =>
    `<test-run ${attributes}><test-suite type="TestFixture" fullname="Cart">${green.nunit}</test-suite></test-run>`;
  const summaryOf = (outcome: string, counters: string) =>
    `<TestRun><Results>${green.trx}</Results><ResultSummary outcome="${outcome}"><Counters ${counters}/></ResultSummary></TestRun>`;
  const robotOf = (status: string, fail: number) =>
    `<robot><suite name="Shop"><test name="Adds"><status status="PASS"/></test><status status="${status}"/></suite><statistics><total><stat pass="0" fail="${fail}">All Tests</stat></total></statistics></robot>`;

  test.each([
    [
      'NUnit, by its counts',
      'a.xml',
      fixtureOf('result="Failed" failed="2"'),
      'the run counts 2 failed tests, and names 0',
    ],
    ['NUnit, by its result', 'a.xml', fixtureOf('result="Failed" failed="0"'), 'the result of the run is Failed'],
    [
      'NUnit 2',
      'a.xml',
      fixtureOf('errors="1" failures="0"').replaceAll('test-run', 'test-results'),
      'the run counts 1 failed tests, and names 0',
    ],
    [
      'TRX, a host that died',
      'a.trx',
      summaryOf('Aborted', 'total="1" passed="1" failed="0"'),
      'the result of the run is Aborted',
    ],
    ['Robot Framework, a teardown', 'output.xml', robotOf('FAIL', 1), 'the run counts 1 failed tests, and names 0'],
  ])('%s', async (_, file, text, words) => {
    const report = await read(file, text);
    expect(report.cases.map(({ name, status, message }) => [name, status, message])).toEqual([
      ['Adds', 'passed', ''],
      [expect.stringContaining('(suite)'), 'error', words],
    ]);
  });

  test.each([
    ['NUnit', 'a.xml', fixtureOf('result="Passed" failed="0"')],
    ['NUnit, with warnings', 'a.xml', fixtureOf('result="Warning" failed="0"')],
    ['TRX', 'a.trx', summaryOf('Completed', 'total="1" passed="1" failed="0"')],
    ['Robot Framework', 'output.xml', robotOf('PASS', 0)],
  ])('%s that passed is', async (_, file, text) => {
    expect((await read(file, text)).counts).toMatchObject({ total: 1, passed: 1 });
  });
});

test('a case with success="false" or passed="no" has not passed', async () => {
  const cases =
    '<testcase name="a" success="false"/><testcase name="b" passed="No"/><testcase name="c" success="true"/>';
  expect(statusesOf(await read('junit.xml', `<testsuite name="s">${cases}</testsuite>`))).toEqual([
    'a: failed',
    'b: failed',
    'c: passed',
  ]);
});
