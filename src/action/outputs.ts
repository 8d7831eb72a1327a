import * as core from '@actions/core';
import type { Verdict } from '../core/outcome.ts';
import type { Annotation } from '../report/annotations.ts';
import { changeOf, percentOf } from '../report/coverage.ts';
import { breakCommands } from './action-reporter.ts';

/** What the outputs contain beside the verdict. */
export interface OutputFacts {
  resultsDir: string;
  reportPath: string;
  kubeconfig: string;
  artifact: { id: string; url: string } | undefined;
}

/** The description of each output; action.yml is written from it. */
export const outputDocs = {
  outcome: 'passed, failed, broken or cancelled',
  'failure-kind': 'Who or what is to blame; empty when the tests passed',
  'failure-reason': 'The cause in one line; empty when the tests passed',
  tests: 'Number of tests',
  passed: 'Of these, passed',
  failed: 'Of these, failed',
  errors: 'Of these, ended by an error',
  skipped: 'Of these, skipped',
  flaky: 'Of those that passed, failed at first',
  coverage: 'Percentage of the lines that the tests cover, such as 82.4; empty without a coverage report',
  'coverage-change':
    'Change of `coverage` in percentage points since the run of `coverage-baseline`, such as +1.2; empty where there is none',
  'duration-seconds': 'Duration of the run',
  'results-dir': 'Directory on the runner with all results',
  report: 'Path of report.html',
  'artifact-id': 'Id of the artifact; empty when there is none',
  'artifact-url': 'Address of the artifact; empty when there is none',
  'cluster-name': 'Name of the Kind cluster',
  namespace: 'Namespace of the platform and the tests',
  kubeconfig: 'Path of a kubeconfig of the cluster, while it lives',
} as const;

/** Sets every output of action.yml. */
export function setOutputs(verdict: Verdict, facts: OutputFacts): void {
  const outputs: Record<keyof typeof outputDocs, string | number> = {
    outcome: verdict.outcome,
    'failure-kind': verdict.failure?.kind ?? '',
    'failure-reason': verdict.failure?.reason ?? '',
    tests: verdict.tests.total,
    passed: verdict.tests.passed,
    failed: verdict.tests.failed,
    errors: verdict.tests.errors,
    skipped: verdict.tests.skipped,
    flaky: verdict.tests.flaky,
    coverage: verdict.coverage === undefined ? '' : percentOf(verdict.coverage),
    'coverage-change': (verdict.coverage && changeOf(verdict.coverage)) ?? '',
    'duration-seconds': Math.round(verdict.durationSeconds),
    'results-dir': facts.resultsDir,
    report: facts.reportPath,
    'artifact-id': facts.artifact?.id ?? '',
    'artifact-url': facts.artifact?.url ?? '',
    'cluster-name': verdict.cluster?.name ?? '',
    namespace: verdict.cluster?.namespace ?? '',
    kubeconfig: facts.kubeconfig,
  };
  for (const [name, value] of Object.entries(outputs)) core.setOutput(name, value);
}

/** Puts failed tests on the files of the checkout. */
export function annotate(annotations: Annotation[]): void {
  for (const { level, title, message, file, line } of annotations) {
    const properties = {
      title: breakCommands(title),
      ...(file === undefined ? {} : { file }),
      ...(line === undefined ? {} : { startLine: line }),
    };
    const text = breakCommands(message);
    if (level === 'error') core.error(text, properties);
    else if (level === 'warning') core.warning(text, properties);
    else core.notice(text, properties);
  }
}
