import { appendFile, readFile } from 'node:fs/promises';
import { type Failure, fail, type Verdict, verdictWithoutTests } from '../core/outcome.ts';
import type { ReportInput } from '../core/report-model.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import { type InputError, renderInputErrors } from '../inputs/schema.ts';
import { annotationsOf } from '../report/annotations.ts';
import { failedTests } from '../report/describe-tests.ts';
import { codeBlock } from '../report/inert-text.ts';
import { renderSummary } from '../report/summary-markdown.ts';
import { renderTerminal } from '../report/terminal.ts';
import type { ActionReporter } from './action-reporter.ts';
import { uniqueArtifactName, uploadArtifact } from './artifact.ts';
import { CheckoutFiles, listCheckoutFiles } from './checkout-files.ts';
import { annotate, setOutputs } from './outputs.ts';
import { type CommentPlan, commentOnPullRequest } from './pull-request-comment.ts';

/** A run that has ended, as far as GitHub knows it. */
export interface Published {
  verdict: Verdict;
  report: ReportInput;
  dir: { root: string; summary: string; reportHtml: string };
  kubeconfig: string;
  /** Otherwise only verdict and reports may leave the runner. */
  isMasked: boolean;
  /** The summary in at most so many bytes, where it is not that of one run. */
  summarize?: (maxBytes: number) => string;
  /** False when the files in `dir` are another run's, or there are none. */
  ownsResultsDir: boolean;
}

/** Beside the line with the reason why the step is red. */
const failedTestAnnotations = 9;
const checkoutMilliseconds = 15_000;
/** For wrong inputs, in the step summary. */
const maxErrorCharacters = 20_000;

/** Publishes the end of a run on GitHub: step summary, artifact, the one-line reason, annotations, outputs, comment. */
export async function publish(
  end: Published,
  inputs: Pick<Inputs, 'tier' | 'mode' | 'upload' | 'artifactName' | 'retentionDays'>,
  { runId, comment }: { runId: string; comment: CommentPlan },
  reporter: ActionReporter,
): Promise<void> {
  const { verdict, dir } = end;
  const isWanted =
    end.ownsResultsDir && (inputs.upload === 'always' || (inputs.upload === 'failure' && verdict.outcome !== 'passed'));
  const artifact = isWanted ? await upload(end, inputs, runId, reporter) : undefined;
  // After the upload, which may take long: if it is interrupted, the post step publishes all of this, and nothing is reported
  // twice.
  await writeStepSummary(await summaryOf(end), reporter);
  for (const line of renderTerminal(end.report)) reporter.quote(line);
  reporter.close();
  // The cause comes first: of more than ten errors GitHub drops the last ones.
  if (verdict.failure !== null) reporter.fail(verdict.failure);
  annotate(annotationsOf(end.report.tests, await findInCheckout(end.report), failedTestAnnotations));
  setOutputs(verdict, { resultsDir: dir.root, reportPath: dir.reportHtml, kubeconfig: end.kubeconfig, artifact });
  // Last, since it waits for another service: all of the above is there, even if this step is ended meanwhile.
  const summarize = end.summarize ?? ((maxBytes: number) => renderSummary(end.report, maxBytes));
  const { outcome } = verdict;
  await commentOnPullRequest(comment, { outcome, summarize, artifactUrl: artifact?.url ?? '' }, reporter);
}

/** The summary on disk; one that could not be written, for a full disk, is created again. */
async function summaryOf({ ownsResultsDir, dir, report }: Published): Promise<string> {
  if (!ownsResultsDir) return renderSummary(report);
  return readFile(dir.summary, 'utf8').catch(() => renderSummary(report));
}

/** Where a test's file is in the checkout; the checkout is only looked through when a failed test names a file. */
async function findInCheckout({ tests }: ReportInput): Promise<(file: string) => string | undefined> {
  if (!failedTests(tests).some(({ file }) => file !== undefined)) return () => undefined;
  const root = process.env.GITHUB_WORKSPACE ?? process.cwd();
  const files = new CheckoutFiles(await listCheckoutFiles(root, AbortSignal.timeout(checkoutMilliseconds)));
  return (file) => files.find(file);
}

/** Reports all wrong inputs to GitHub, and nothing else, since nothing has begun. */
export async function publishInputErrors(
  errors: InputError[],
  { tier, comment }: { tier: string; comment: CommentPlan },
  reporter: ActionReporter,
): Promise<void> {
  const lines = renderInputErrors(errors);
  for (const line of lines) reporter.error(line);
  const summary = ['**✗ wrong input**', '', codeBlock(lines.join('\n'), maxErrorCharacters), ''].join('\n');
  await writeStepSummary(summary, reporter);
  setOutputsOfNoRun(fail('input', lines.join('; ')).failure, tier);
  await commentOnNoRun(comment, summary, reporter);
}

/** Reports to GitHub that a run could not begin. */
export async function publishNoRun(
  failure: Failure,
  { tier, comment }: { tier: string; comment: CommentPlan },
  reporter: ActionReporter,
): Promise<void> {
  reporter.fail(failure);
  const why = codeBlock(`${failure.reason}\n${failure.hint}`, maxErrorCharacters);
  const summary = ['**✗ the run could not begin**', '', why, ''].join('\n');
  await writeStepSummary(summary, reporter);
  setOutputsOfNoRun(failure, tier);
  await commentOnNoRun(comment, summary, reporter);
}

/** A comment of an earlier run would say something else. */
function commentOnNoRun(comment: CommentPlan, summary: string, reporter: ActionReporter): Promise<void> {
  return commentOnPullRequest(comment, { outcome: 'broken', summarize: () => summary, artifactUrl: '' }, reporter);
}

function setOutputsOfNoRun(failure: Failure, tier: string): void {
  const nowhere = { resultsDir: '', reportPath: '', kubeconfig: '', artifact: undefined };
  setOutputs(verdictWithoutTests(tier, failure), nowhere);
}

async function upload(
  end: Published,
  inputs: Pick<Inputs, 'tier' | 'mode' | 'artifactName' | 'retentionDays'>,
  runId: string,
  reporter: ActionReporter,
): Promise<{ id: string; url: string } | undefined> {
  const unique = uniqueArtifactName(inputs.mode === 'report' ? 'report' : inputs.tier, runId, process.env);
  const wanted = inputs.artifactName ?? unique;
  // It begins with the requested name, by which a roll-up looks for it.
  const freeName = inputs.artifactName === undefined ? unique : `${inputs.artifactName}-${runId}`;
  const { root: directory } = end.dir;
  const { isMasked } = end;
  if (!isMasked)
    reporter.warn(
      `some files of the results could not be masked: the artifact holds only verdict and reports, and the rest stays in ${directory}`,
    );
  const uploaded = await uploadArtifact({
    name: wanted,
    freeName,
    directory,
    isMasked,
    retentionDays: inputs.retentionDays,
  });
  if (!uploaded.ok) {
    reporter.warn(`${uploaded.failure.reason}. ${uploaded.failure.hint}`);
    return undefined;
  }
  const { name, id, url } = uploaded.value;
  if (name !== wanted) reporter.warn(`this workflow run has an artifact ${wanted} already: this one is ${name}`);
  reporter.say(`artifact ${name}: id ${id} ${url}`);
  const { leftOut, unreadable } = uploaded.value;
  if (unreadable.length > 0)
    reporter.warn(
      `${unreadable.length} files could not be read and are missing from the artifact: ${unreadable.slice(0, 5).join(', ')}`,
    );
  if (leftOut.length > 0)
    reporter.warn(
      `GitHub refuses the names of ${leftOut.length} files, which the artifact lacks: ${leftOut.slice(0, 5).join(', ')}`,
    );
  return uploaded.value;
}

async function writeStepSummary(markdown: string, reporter: ActionReporter): Promise<void> {
  const file = process.env.GITHUB_STEP_SUMMARY;
  if (file === undefined || file === '') reporter.say('no step summary here: GITHUB_STEP_SUMMARY is not set');
  else await appendFile(file, markdown);
}
