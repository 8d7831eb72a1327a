/** The verdict as a CTRF report (https://ctrf.io), which dashboards and actions of others read. */
import path from 'node:path';
import type { TestCase } from '../core/outcome.ts';
import type { ReportInput } from '../core/report-model.ts';

const statuses = { passed: 'passed', failed: 'failed', error: 'failed', skipped: 'skipped' } as const;
/** A test that did not name itself; CTRF requires a name. */
const nameless = '(no name)';

/**
 * One JSON document in parts, so that a run of many tests is never one string. Counts are those of the verdict, also where the
 * text of some tests was not kept. An error counts as failed, with `rawStatus: error`.
 */
export function* renderCtrf(input: ReportInput): Generator<string> {
  const { verdict, tests, startedAt } = input;
  const { total, passed, failed, errors, skipped, flaky, quarantined = 0 } = verdict.tests;
  const start = startedAt === undefined ? 0 : Date.parse(startedAt);
  const duration = Math.round(verdict.durationSeconds * 1000);
  const summary = {
    tests: total,
    passed,
    failed: failed + errors,
    skipped: skipped - quarantined,
    pending: 0,
    other: quarantined,
    flaky,
    start,
    stop: start + duration,
    duration,
  };
  const { outcome, failure, tier } = verdict;
  const head = {
    reportFormat: 'CTRF',
    specVersion: '0.0.0',
    ...(startedAt === undefined ? {} : { timestamp: startedAt }),
    generatedBy: 'k8s-test-action',
  };
  const reason = failure === null ? {} : { failureKind: failure.kind, failureReason: failure.reason };
  const environment = { testEnvironment: tier, healthy: outcome === 'passed' || outcome === 'failed' };
  const tool = { name: 'k8s-test', extra: { outcome, ...reason } };
  // The tests go between the parts of the one object around them.
  const before = JSON.stringify({ ...head, results: { tool, summary } }).slice(0, -2);
  const after = JSON.stringify({ environment }).slice(1);
  yield `${before},"tests":[`;
  let separator = '\n';
  for (const test of tests) {
    yield separator;
    yield JSON.stringify(describeTest(test));
    separator = ',\n';
  }
  yield `\n],${after}}\n`;
}

function describeTest(test: TestCase): object {
  const {
    suite,
    name,
    classname,
    file,
    line,
    seconds,
    endedAt,
    status,
    message,
    details,
    properties,
    flakyRuns,
    quarantine,
    retries,
    inOrder,
  } = test;
  const isExcused = quarantine?.failed === true;
  const suites = [...suite.split(' / '), classname].filter((one) => one !== '');
  const stop = endedAt === undefined ? Number.NaN : Date.parse(endedAt);
  const duration = Math.max(0, Math.round(seconds * 1000));
  const attachments = (test.attachments ?? []).map((one) => ({
    name: path.posix.basename(one),
    contentType: typeOf(one),
    path: one,
  }));
  const labels = Object.fromEntries((properties ?? []).map((property) => [property.name, property.value]));
  const extra = {
    ...(test.reconstructed === true ? { reconstructed: true } : {}),
    ...(quarantine === undefined ? {} : { quarantine }),
    ...(retries === undefined ? {} : { retriesInFreshPods: retries }),
    ...(inOrder === undefined ? {} : { retryInOrder: inOrder }),
  };
  return {
    name: name === '' ? nameless : name,
    status: isExcused ? 'other' : statuses[status],
    duration,
    ...(Number.isNaN(stop) ? {} : { start: stop - duration, stop }),
    ...(suites.length === 0 ? {} : { suite: suites }),
    ...(message === '' ? {} : { message }),
    ...(details === '' ? {} : { trace: details }),
    ...(line === undefined ? {} : { line }),
    rawStatus: isExcused ? 'failed in quarantine' : status,
    ...(file === undefined || file === '' ? {} : { filePath: file }),
    ...(flakyRuns === undefined ? {} : { retries: flakyRuns, flaky: status === 'passed' }),
    ...(properties === undefined ? {} : { labels }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}

/** What readers of CTRF show; anything else is bytes. */
const contentTypes: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webm': 'video/webm',
  '.mp4': 'video/mp4',
  '.zip': 'application/zip',
  '.txt': 'text/plain',
  '.log': 'text/plain',
};

function typeOf(file: string): string {
  return contentTypes[path.posix.extname(file).toLowerCase()] ?? 'application/octet-stream';
}
