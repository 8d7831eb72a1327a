/** One normalised junit.xml out of all reports of a run. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Failure, PhaseRecord, TestCase, TestProperty } from '../core/outcome.ts';
import { isXmlCharacter } from './bounded-xml.ts';
import { type JUnitReport, normalisedName } from './junit-report.ts';

export interface NormalisedJUnit {
  /** Reports of all files and shards; suites of one report with the same name are merged. */
  reports: readonly Pick<JUnitReport, 'file' | 'cases' | 'casesLeftOut'>[];
  phases: readonly PhaseRecord[];
  failure: Failure | null;
}

/** Name of the suite with the phases of the run. */
export const phasesSuiteName = 'k8s-test-action phases';

/**
 * Writes the file at `path` (its directory must exist), replacing an existing file only when everything is written.
 *
 * @throws on I/O errors, and the signal's reason when it is aborted; no partial file is left then.
 */
export async function writeJUnit(path: string, content: NormalisedJUnit, signal?: AbortSignal): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await pipeline(Readable.from(gather(renderJUnit(content))), createWriteStream(partial), signal ? { signal } : {});
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    signal?.throwIfAborted();
    throw error;
  }
}

/**
 * The file in pieces. All counts are those of the cases in it.
 *
 * The phases are a suite of their own whose properties hold outcome and seconds of each; it holds no case for a phase, because
 * readers add up the cases of all suites and their sum must be the number of tests. One exception: when the run failed and no
 * case shows it (the chart never became ready, the process died after its last test), the phase that failed is one `error`
 * case, since a file without a failure reads as green.
 */
export function* renderJUnit({ reports, phases, failure }: NormalisedJUnit): Generator<string> {
  const suites = reports.flatMap((report) => groupBySuite(report));
  const anyFailure = suites.some(({ cases }) => cases.some(isFailure));
  const silentFailure = failure !== null && !anyFailure ? failure : null;
  const phaseSeconds = phases.reduce((sum, { seconds }) => sum + seconds, 0);
  const total = countsOf(suites.flatMap(({ cases }) => cases));
  if (silentFailure !== null) {
    total.tests++;
    total.errors++;
  }

  yield '<?xml version="1.0" encoding="utf-8"?>\n';
  yield `<testsuites${attributesOf({ name: normalisedName, ...total })}>\n`;
  for (const { name, file, cases, casesLeftOut } of suites) {
    yield `  <testsuite${attributesOf({ name, ...countsOf(cases) })}>\n`;
    yield* renderProperties('    ', [
      { name: 'k8s-test-action.source', value: file },
      ...(casesLeftOut > 0 ? [{ name: 'k8s-test-action.cases-left-out', value: String(casesLeftOut) }] : []),
    ]);
    for (const testCase of cases) yield* renderCase(testCase);
    yield '  </testsuite>\n';
  }
  const own = silentFailure === null ? 0 : 1;
  const ownCounts = { tests: own, failures: 0, errors: own, skipped: 0, time: formatSeconds(phaseSeconds) };
  yield `  <testsuite${attributesOf({ name: phasesSuiteName, ...ownCounts })}>\n`;
  yield* renderProperties(
    '    ',
    phases.flatMap(({ name, outcome, seconds }) => [
      { name: `phase.${name}.outcome`, value: outcome },
      { name: `phase.${name}.seconds`, value: formatSeconds(seconds) },
    ]),
  );
  if (silentFailure !== null) {
    const { kind, reason, hint, evidence } = silentFailure;
    const name = phases.find(({ outcome }) => outcome === 'failed')?.name ?? 'run';
    yield `    <testcase${attributesOf({ classname: 'k8s-test-action', name: `phase ${name}`, time: '0.000' })}>\n`;
    yield `      <error${attributesOf({ message: reason, type: kind })}>`;
    yield escapeText([hint, ...evidence].filter((line) => line !== '').join('\n'));
    yield '</error>\n    </testcase>\n';
  }
  yield '  </testsuite>\n</testsuites>\n';
}

interface SuiteOfCases {
  name: string;
  file: string;
  cases: TestCase[];
  /** Written with the first suite of its report. */
  casesLeftOut: number;
}

function groupBySuite({ file, cases, casesLeftOut }: NormalisedJUnit['reports'][number]): SuiteOfCases[] {
  const suites = new Map<string, SuiteOfCases>();
  for (const testCase of cases) {
    const name = testCase.suite === '' ? 'tests' : testCase.suite;
    let suite = suites.get(name);
    if (suite === undefined) {
      suite = { name, file, cases: [], casesLeftOut: suites.size === 0 ? casesLeftOut : 0 };
      suites.set(name, suite);
    }
    suite.cases.push(testCase);
  }
  return [...suites.values()];
}

function isFailure({ status }: TestCase): boolean {
  return status === 'failed' || status === 'error';
}

function countsOf(cases: readonly TestCase[]) {
  const withStatus = (wanted: TestCase['status']): number => cases.filter(({ status }) => status === wanted).length;
  return {
    tests: cases.length,
    failures: withStatus('failed'),
    errors: withStatus('error'),
    skipped: withStatus('skipped'),
    time: formatSeconds(cases.reduce((sum, { seconds }) => sum + seconds, 0)),
  };
}

function* renderCase(testCase: TestCase): Generator<string> {
  const {
    name,
    classname,
    file,
    line,
    seconds,
    status,
    message,
    details,
    properties,
    flakyRuns,
    reconstructed,
    quarantine,
    retries,
    inOrder,
  } = testCase;
  yield `    <testcase${attributesOf({ classname, name, file, line, time: formatSeconds(seconds) })}>\n`;
  yield* renderProperties('      ', [
    ...(properties ?? []),
    ...(reconstructed === true ? [{ name: 'k8s-test-action.rebuilt', value: 'true' }] : []),
    ...(flakyRuns === undefined ? [] : [{ name: 'k8s-test-action.failed-runs-before', value: String(flakyRuns) }]),
    ...(retries === undefined ? [] : [{ name: 'k8s-test-action.retries', value: retries.join(', ') }]),
    ...(inOrder === undefined ? [] : [{ name: 'k8s-test-action.retry-in-order', value: inOrder }]),
    ...(quarantine === undefined
      ? []
      : [
          {
            name: 'k8s-test-action.quarantine',
            value: `${quarantine.failed ? 'failed; ' : ''}until ${quarantine.expires}; ${quarantine.owner}: ${quarantine.reason}`,
          },
        ]),
  ]);
  // surefire's element for a failed run before one that passed; readers that do not know it take the case as passed.
  const element = { failed: 'failure', error: 'error', skipped: 'skipped', passed: 'flakyFailure' }[status];
  if (status !== 'passed' || flakyRuns !== undefined) {
    yield `      <${element}${attributesOf({ message })}>${escapeText(details)}</${element}>\n`;
  }
  // As GitLab, Jenkins and others read it; paths are relative to this file.
  const marks = (testCase.attachments ?? []).map((one) => `[[ATTACHMENT|${escapeText(one)}]]`);
  if (marks.length > 0) yield `      <system-out>${marks.join('\n')}</system-out>\n`;
  yield '    </testcase>\n';
}

function* renderProperties(indent: string, properties: readonly TestProperty[]): Generator<string> {
  if (properties.length === 0) return;
  yield `${indent}<properties>\n`;
  for (const { name, value } of properties) yield `${indent}  <property${attributesOf({ name, value })}/>\n`;
  yield `${indent}</properties>\n`;
}

function attributesOf(values: Record<string, string | number | undefined>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escapeAttribute(String(value))}"`)
    .join('');
}

/** Characters that XML forbids, in any spelling, become U+FFFD, so that every reader accepts our file. */
function replaceForbidden(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/gu, (char) =>
      isXmlCharacter(char.codePointAt(0) ?? 0) ? char : '\ufffd',
    );
}

function escapeText(text: string): string {
  return replaceForbidden(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;');
}

function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');
}

function formatSeconds(seconds: number): string {
  return seconds.toFixed(3);
}

/** Pieces of a size worth a write. */
function* gather(pieces: Iterable<string>): Generator<string> {
  let gathered = '';
  for (const piece of pieces) {
    gathered += piece;
    if (gathered.length < 64 * 1024) continue;
    yield gathered;
    gathered = '';
  }
  if (gathered !== '') yield gathered;
}
