import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { failureKinds } from '../../src/core/outcome.ts';
import type { ReportInput } from '../../src/core/report-model.ts';
import { annotationsOf } from '../../src/report/annotations.ts';
import { failedTests, formatDuration } from '../../src/report/describe-tests.ts';
import { headlineOf } from '../../src/report/headline.ts';
import {
  codeBlock,
  codeSpan,
  escapeMarkdown,
  tableCodeSpan,
  toPlainLine,
  toPlainText,
} from '../../src/report/inert-text.ts';
import { renderReportHtml } from '../../src/report/report-html.ts';
import { renderResultJson } from '../../src/report/result-json.ts';
import { renderSummary } from '../../src/report/summary-markdown.ts';
import { renderTerminal } from '../../src/report/terminal.ts';
import { placePhases } from '../../src/report/timeline.ts';
import { hostileTexts } from './hostile.ts';
import { badImageRun, failedRun, greenRun, makeInput, makeTest, makeVerdict, oomRun } from './sample-runs.ts';

const colourCode = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
const sha = (text: string): string => createHash('sha256').update(text).digest('base64');
const htmlOf = (input: ReportInput): string => [...renderReportHtml(input)].join('');

/** A run in which every text that is not ours is this one. */
function runOf(text: string): ReportInput {
  const failing = makeTest({
    name: text,
    suite: text,
    classname: text,
    file: text,
    line: 3,
    status: 'failed',
    message: text,
    details: text,
    properties: [{ name: text, value: text }],
    endedAt: '2026-03-01T12:02:11Z',
  });
  return makeInput(
    {
      outcome: 'broken',
      failure: { kind: 'image', reason: text, hint: text, evidence: [text] },
      cluster: { kind: 'kind', name: text, namespace: text, nodes: 1, kubernetes: text },
      image: { name: text, digest: text },
      warnings: [text],
    },
    [failing, makeTest({ name: text, flakyRuns: 1, message: text, seconds: 9 })],
    {
      logs: [{ pod: text, container: text, path: text, lastLines: [text] }],
      events: [{ at: text, type: 'Warning', object: text, reason: text, message: text }],
      startedAt: '2026-03-01T12:02:00.000Z',
      incidents: [
        { at: '2026-03-01T12:02:10Z', pod: text, container: text, what: text },
        { at: text, pod: text, container: text, what: text },
      ],
      usage: [{ pod: text, container: text, cpuPeakCores: 1, memoryPeakBytes: 99, memoryLimitBytes: 100 }],
      pods: [
        {
          name: text,
          node: text,
          stages: [{ what: 'running', from: '2026-03-01T12:02:00Z', until: '2026-03-01T12:02:30Z' }],
          end: 'failed',
          restarts: [{ at: '2026-03-01T12:02:20Z', what: text }],
        },
      ],
      resultsDir: text,
      artifactUrl: `https://x"onmouseover=${text}`,
    },
  );
}

const manyFailures = makeInput(
  { outcome: 'failed', failure: { kind: 'test', reason: '5,000 of 20,000 failed', hint: '', evidence: [] } },
  Array.from({ length: 20_000 }, (_, i) =>
    makeTest({
      name: `test_${i}_${'n'.repeat(i % 7 === 0 ? 10_000 : 20)}`,
      ...(i % 4 === 0
        ? { status: 'failed' as const, message: `message ${i} ${'😀'.repeat(500)}`, details: 'trace\n'.repeat(400) }
        : {}),
    }),
  ),
);

describe('the first line says what happened', () => {
  test.each([
    ['a green run', greenRun, '✓ passed — 195 tests passed in 2 min 24 s (5 skipped, 1 flaky)'],
    [
      'three failed tests',
      failedRun,
      '✗ failed — 3 of 200 tests failed: test_totals, test_schema_of_silver, test_run_is_launched[nightly]',
    ],
    [
      'an image that is not there',
      badImageRun,
      '✗ broken: image — image floe-test-runner:dve of pod floe-test-x7k2p does not exist: manifest unknown',
    ],
  ])('%s', (_, input, line) => expect(renderTerminal(input)[0]).toBe(line));

  test('of many failures three are named', () => {
    expect(headlineOf(manyFailures.verdict, manyFailures.tests).sentence).toMatch(
      /^5,000 of 20,000 tests failed: test_0_n+…, test_4_n+, test_8_n+, …$/,
    );
  });

  test('of a reason too long for a line the beginning and the end are shown, and all of it is evidence', () => {
    const reason = `image x cannot be pulled: ${'failed to do something '.repeat(30)}: no such host`;
    const failure = { kind: 'image' as const, reason, hint: '', evidence: ['event'] };
    const input = makeInput({ outcome: 'broken', failure }, []);
    const { sentence } = headlineOf(input.verdict, []);
    expect(sentence.length).toBeLessThan(270);
    expect(sentence).toMatch(
      /^image x cannot be pulled: .* (failed|to|do|something) … (failed|to|do|something) .*: no such host$/,
    );
    expect(renderSummary(input)).toContain(`${reason}\nevent`);
  });

  test('a contradiction is described by its reason', () => {
    const failure = {
      kind: 'test' as const,
      reason: 'the report is green but the tests exited 1',
      hint: '',
      evidence: ['exit code 1'],
    };
    const input = makeInput({ outcome: 'failed', failure }, [makeTest()]);
    expect(renderTerminal(input).slice(0, 2)).toEqual([
      '✗ failed — the report is green but the tests exited 1',
      '  │ exit code 1',
    ]);
    expect(renderSummary(input)).toContain('exit code 1');
  });

  test('a cancelled run is neither passed nor failed', () => {
    const failure = { kind: 'cancelled' as const, reason: 'cancelled while tests ran', hint: '', evidence: [] };
    expect(headlineOf(makeVerdict({ outcome: 'cancelled', failure }), [])).toEqual({
      mark: '■',
      outcome: 'cancelled',
      sentence: 'cancelled while tests ran',
    });
  });

  test.each(failureKinds.filter((kind) => kind !== 'test'))('kind %s is reported with its reason', (kind) => {
    const failure = { kind, reason: 'what broke', hint: 'do this', evidence: ['proof'] };
    const input = makeInput({ outcome: kind === 'cancelled' ? 'cancelled' : 'broken', failure }, []);
    for (const text of [renderSummary(input), htmlOf(input), renderTerminal(input).join('\n')]) {
      for (const part of ['what broke', 'do this', 'proof']) expect(text).toContain(part);
    }
  });
});

test('a run without an image, as of tier unit, names none', () => {
  const input = makeInput({ tier: 'unit', cluster: null, image: { name: '', digest: '' } }, [makeTest({ name: 'a' })]);
  expect(renderSummary(input)).toMatch(/tier `unit`\s*$/);
  expect(htmlOf(input)).not.toContain('<li>image ');
});

test('durations are read at a glance', () => {
  expect([0, 0.004, 0.12, 9.999, 12.34, 59.96, 63.1, 245, 3720].map(formatDuration)).toEqual([
    '0 ms',
    '4 ms',
    '0.12 s',
    '10.00 s',
    '12.3 s',
    '1 min 00 s',
    '1 min 03 s',
    '4 min 05 s',
    '1 h 02 min',
  ]);
});

test('the summary says once why a test never ended', () => {
  const cause = 'killed for memory at its limit of 96Mi';
  const about = { status: 'error', reconstructed: true, message: cause } as const;
  const of = (details: string) => renderSummary(makeInput({}, [makeTest({ ...about, details })]));
  expect(of(`This test was running when the run ended: ${cause}`).split(cause)).toHaveLength(2);
  expect(of(`This test was running when the run ended: ${cause}\nits last output`)).toContain('its last output');
});

test('the test that was running when the run died is first', () => {
  const inFlight = makeTest({ name: 'b', status: 'error', reconstructed: true });
  expect(
    failedTests([makeTest({ name: 'a', status: 'failed' }), makeTest(), inFlight]).map(({ name }) => name),
  ).toEqual(['b', 'a']);
});

describe('untrusted text', () => {
  test.each(hostileTexts)('%j is inert in a line and in a block', (text) => {
    const plain = toPlainText(text);
    expect(plain).not.toMatch(/(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
    expect(plain.isWellFormed()).toBe(true);
    expect(toPlainLine(text)).not.toContain('\n');
    expect(toPlainLine(text, 10).length).toBeLessThanOrEqual(10);
  });

  test('a code span is longer fenced than what it holds', () => {
    expect(codeSpan('a')).toBe('`a`');
    expect(codeSpan('a`b')).toBe('``a`b``');
    expect(codeSpan('```')).toBe('```` ``` ````');
    expect(codeSpan('')).toBe('');
    expect(tableCodeSpan('a|b')).toBe('`a\\|b`');
    expect(codeBlock('````\n```', 100)).toBe('`````text\n````\n```\n`````');
  });

  test('Markdown of a line is escaped', () => {
    expect(escapeMarkdown('a_b [x](https://y) <b> @me #1 `c` | ~~')).toBe(
      'a\\_b \\[x\\](https\\://y) \\<b\\> @\u2060me \\#\u20601 \\`c\\` \\| \\~\\~',
    );
    expect(escapeMarkdown('- item')).toBe('\\- item');
    // A backslash before a digit would be shown.
    expect(escapeMarkdown('1. item')).toBe('1\\. item');
    expect(escapeMarkdown('81.0 % of')).toBe('81\\.0 % of');
  });

  test.each(hostileTexts)('%j leaves a page with only our scripts and elements', (text) => {
    const page = htmlOf(runOf(text));
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page.match(/<\/script/g)).toHaveLength(2);
    expect(page).not.toMatch(/<img|<a (?!href="#[a-z-]+">)|onerror=alert\(1\)>/);
    expect(page).not.toMatch(/(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
    const data = /<script type="application\/json" id="tests-data">(.*?)<\/script>/s.exec(page)![1]!;
    const [first] = JSON.parse(data) as { message: string }[];
    expect(first!.message).toBe(toPlainText(text));
  });

  test.each(hostileTexts)('%j leaves a summary with only our HTML outside of code', (text) => {
    const summary = renderSummary(runOf(text));
    const outside = summary
      .replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '')
      .replace(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, '')
      .replace(/\\[<>]/g, '');
    const tags = new Set([...outside.matchAll(/<\/?([^\s>]*)[^>]*>/g)].map(([, name]) => name));
    expect([...tags].filter((name) => !['details', 'summary', 'code'].includes(name!))).toEqual([]);
    // In a line of HTML nothing is Markdown; what would be a tag there was looked at above.
    const markdown = outside.replace(/^<details.*<\/summary>$/gm, '');
    expect(markdown).not.toMatch(/(?<!\\)\]\(/);
    expect(markdown).not.toMatch(/[^\\]:\/\//);
    expect(summary).not.toMatch(/(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
  });

  test.each(hostileTexts)('%j commands neither a terminal nor a runner', (text) => {
    for (const line of renderTerminal(runOf(text))) {
      expect(line).not.toMatch(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
      expect(line).not.toMatch(/^\s*::/);
      expect(line).not.toContain('##[');
    }
  });

  test.each(hostileTexts)('%j is plain in an annotation', (text) => {
    const [annotation] = annotationsOf(runOf(text).tests, () => undefined);
    expect(annotation!.title).not.toMatch(/\p{Cc}/u);
    expect(annotation!.file).toBeUndefined();
    expect(annotation!.message).not.toMatch(/(?![\n\t])\p{Cc}/u);
  });
});

describe('the summary', () => {
  test('stays within its bound with 5,000 failures, and reports what it leaves out', () => {
    const summary = renderSummary(manyFailures);
    expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(900 * 1024);
    expect(summary).toMatch(/… and [\d,]+ more in `report.html`/);
    expect(summary).toContain('Files: ');
  });

  test('keeps a smaller bound too, the worst first', () => {
    const summary = renderSummary(manyFailures, 64 * 1024);
    expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(64 * 1024);
    expect(summary).toContain('test_0_');
    const told = summary.match(/<details>/g)!.length;
    expect(told).toBeGreaterThan(5);
  });

  test('has message, location, slowest tests, phases and the paths of the files', () => {
    const summary = renderSummary(failedRun);
    for (const part of [
      '### ❌ failed — 3 of 200 tests failed: test\\_totals',
      '<summary><code>test_totals</code> — AssertionError: assert 4 == 5</summary>',
      '`tests/integration/test_orders.py:31`',
      '>       assert len(rows) == 5',
      '**Flaky tests**',
      '| `test_run_is_launched[nightly]` | 10.0 s |',
      '| ✗ tests | 1 min 03 s |',
      'Files: `k8s-test-results/integration`',
      'Kubernetes `v1.34.2`',
    ]) {
      expect(summary).toContain(part);
    }
  });

  test('unfolds a few failures, but no trace that would fill the screen', () => {
    const failing = (details: string) =>
      makeInput({ outcome: 'failed', failure: { kind: 'test', reason: 'one', hint: '', evidence: [] } }, [
        makeTest({ status: 'failed', message: 'no', details }),
      ]);
    expect(renderSummary(failing('line\n'.repeat(20)))).toContain('<details open><summary><code>');
    expect(renderSummary(failing('line\n'.repeat(60)))).toContain('<details><summary><code>');
  });

  test('shows the properties of a failed test', () => {
    const properties = ['cube', 'postgres'].map((value) => ({ name: 'needs', value }));
    const input = makeInput({ outcome: 'failed', failure: { kind: 'test', reason: 'one', hint: '', evidence: [] } }, [
      makeTest({ status: 'failed', message: 'no', properties: [...properties, { name: 'owner', value: 'data' }] }),
    ]);
    for (const text of [renderSummary(input), htmlOf(input)])
      expect(text).toContain('needs: cube, postgres · owner: data');
  });

  test('of a broken run has the reason, and what to do', () => {
    const summary = renderSummary(badImageRun);
    expect(summary.split('\n')[0]).toBe(
      '### ❌ broken: image — image floe-test-runner:dve of pod floe-test-x7k2p does not exist: manifest unknown',
    );
    expect(summary).toContain('**What to do:** did you mean floe-test-runner:dev');
    expect(summary).toContain('reason ErrImagePull');
  });

  test('links an artifact only by https', () => {
    expect(renderSummary({ ...greenRun, artifactUrl: 'https://github.com/o/r/actions/runs/1/artifacts/2' })).toContain(
      '[download](https://github.com/o/r/actions/runs/1/artifacts/2)',
    );
    expect(renderSummary({ ...greenRun, artifactUrl: 'javascript:alert(1)' })).not.toContain('javascript');
  });
});

describe('annotations', () => {
  test('have title, message and location of each failure', () => {
    expect(annotationsOf(failedRun.tests, (file) => `services/api/${file}`)).toEqual([
      {
        level: 'error',
        title: 'test_totals',
        message: 'AssertionError: assert 4 == 5\n +  where 4 = len([...])',
        file: 'services/api/tests/integration/test_orders.py',
        line: 31,
      },
      {
        level: 'error',
        title: 'test_schema_of_silver',
        message: "KeyError: 'customer_id'",
        file: 'services/api/tests/integration/test_assets.py',
        line: 58,
      },
      {
        level: 'error',
        title: 'test_run_is_launched[nightly]',
        message: 'failed on setup with "TimeoutError: no run within 10 s"',
        file: 'services/api/tests/integration/test_schedules.py',
        line: 12,
      },
    ]);
  });

  test('are ten of 5,000, the last of which gives the number of failures', () => {
    const annotations = annotationsOf(manyFailures.tests, () => undefined);
    expect(annotations).toHaveLength(10);
    expect(annotations[9]!.title).toBe('and 4,991 more failed tests');
    expect(annotations[9]!.message.split('\n')).toHaveLength(12);
    for (const { title, message } of annotations) expect(title.length + message.length).toBeLessThan(4096);
  });

  test('are none of a green run', () => expect(annotationsOf(greenRun.tests, () => undefined)).toEqual([]));

  test('a failure without a message still has a text', () => {
    expect(annotationsOf([makeTest({ status: 'failed' })], () => undefined)[0]!.message).toBe(
      'The test failed without a message',
    );
  });
});

describe('report.html', () => {
  test('forbids the network, and allows by hash the one script and style that are its own', () => {
    const page = htmlOf(failedRun);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!.replaceAll('&#39;', "'");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`'sha256-${sha(/<style>([\s\S]*?)<\/style>/.exec(page)![1]!)}'`);
    expect(policy).toContain(`'sha256-${sha(/<script>([\s\S]*?)<\/script>/.exec(page)![1]!)}'`);
    expect(page).not.toMatch(/ (style|on\w+)="/);
    expect(page).not.toMatch(/src=|href="(?!#)/);
  });

  test('holds all 20,000 tests with their failures whole', () => {
    const page = htmlOf(manyFailures);
    const data = JSON.parse(/id="tests-data">(.*?)<\/script>/s.exec(page)![1]!) as {
      status: string;
      details?: string;
    }[];
    expect(data).toHaveLength(20_000);
    expect(data.filter(({ status }) => status === 'failed')).toHaveLength(5000);
    expect(data[19_996]!.details).toBe('trace\n'.repeat(400));
  });

  test('places phases one after another when their times are not known', () => {
    expect(
      placePhases(greenRun.verdict.phases)
        .slice(0, 3)
        .map(({ startSeconds }) => startSeconds),
    ).toEqual([0, 0.6, 2.5]);
  });

  test('draws warnings of the cluster at their time', () => {
    const page = htmlOf(oomRun);
    expect(page.match(/<line class="tick warning"/g)).toHaveLength(2);
    expect(page).toContain('<title>1:51 Pod/floe-test-x7k2p OOMKilling: Memory cgroup out of memory');
  });

  test('reports how many tests are counted but not listed', () => {
    const page = htmlOf(makeInput({ tests: { ...greenRun.verdict.tests, total: 205 } }, [...greenRun.tests]));
    expect(page).toContain('5 more tests are counted but not listed');
  });

  test('of a run without tests has no table of them', () => expect(htmlOf(badImageRun)).not.toContain('id="tests"'));
});

describe('the last screen', () => {
  test('of an oom kill', () => {
    expect(renderTerminal(oomRun)).toEqual([
      '✗ failed: oom — the test container was killed for memory at its limit of 512Mi while test_join_of_everything ran; 41 tests had finished',
      '  what to do: raise the input memory (peak 511 MiB), or make test_join_of_everything use less',
      '  │ pod floe-test-x7k2p container test: terminated, reason OOMKilled, exit code 137, at 12:04:31',
      '  │ limit 512Mi, peak 511 MiB (memory.max_usage_in_bytes)',
      '  │ event Warning OOMKilling Node/k8s-test-4f2a-control-plane: Memory cgroup out of memory: Killed process 8124 (pytest)',
      '',
      '  ✗ test_join_of_everything',
      '    │ was running when the container was killed for memory',
      '',
      '  42 tests: 40 passed, 1 error, 1 skipped, 42 reconstructed',
      '  took 2 min 24 s',
      '  warning: the report was never written; 42 tests come from the log of the container',
      '  results: k8s-test-results/integration',
      '  report:  k8s-test-results/integration/report.html',
    ]);
  });

  test('shows paths relative to the working directory of the reader', () => {
    const input = { ...greenRun, resultsDir: '/work/project/k8s-test-results/integration' };
    const told = (cwd: string) => renderTerminal(input, { cwd }).at(-1);
    expect(told('/work/project')).toBe('  report:  k8s-test-results/integration/report.html');
    expect(told('/work/pro')).toBe('  report:  /work/project/k8s-test-results/integration/report.html');
  });

  test('names some of many failures and counts the rest', () => {
    const lines = renderTerminal(manyFailures, { maxTests: 5 });
    expect(lines).toContain('  … and 4,995 more in report.html');
    expect(lines.filter((line) => line.startsWith('  ✗'))).toHaveLength(5);
  });

  test('colours only our own text, which is the same without colours', () => {
    const coloured = renderTerminal(failedRun, { colour: true });
    expect(coloured[0]).toContain('\u001b[31m');
    expect(coloured.map((line) => line.replaceAll(colourCode, ''))).toEqual(renderTerminal(failedRun));
  });
});

describe('result.json', () => {
  test('has the keys of schema 1 in their order, independent of the order in the object', () => {
    const verdict = failedRun.verdict;
    const reversed = Object.fromEntries(Object.entries(verdict).reverse()) as unknown as typeof verdict;
    const text = renderResultJson(reversed);
    expect(text).toBe(renderResultJson(verdict));
    const { reconstructed, ...counts } = verdict.tests;
    const tests = { ...counts, rebuilt: reconstructed };
    expect(JSON.parse(text)).toEqual({ ...verdict, tests, incidents: [], usage: [] });
    expect(text.endsWith('}\n')).toBe(true);
    expect(Object.keys(JSON.parse(text) as object)).toEqual([
      'schema',
      'outcome',
      'failure',
      'tier',
      'tests',
      'phases',
      'durationSeconds',
      'cluster',
      'image',
      'warnings',
      'incidents',
      'usage',
    ]);
  });
});

test('the outcome of a phase, which a matrix job may have forged, is only text in the time line', () => {
  const forged = '"><img src=x onerror=alert(1)>';
  const phases = [{ name: 'tests' as const, outcome: forged as 'passed', seconds: 3, startedAt: 1 }];
  const html = htmlOf({ ...greenRun, verdict: { ...greenRun.verdict, phases } });
  expect(html).toContain('&quot;&gt;&lt;img src=x');
  expect(html).not.toContain('<img src=x');
});
