/** Writes how a run ended into a comment of the pull request that caused it. */
import { readFileSync } from 'node:fs';
import { getOctokit } from '@actions/github';
import * as v from 'valibot';
import { messageOf, type Outcome, toOneLine } from '../core/outcome.ts';
import { SecretMask } from '../core/secret-mask.ts';
import type { RawInputs } from '../inputs/schema.ts';
import { type CommentedRun, isLater, readMark, renderComment } from '../report/comment-markdown.ts';
import type { ActionReporter } from './action-reporter.ts';

/** When a comment is written, by whom, and of what. */
export interface CommentPlan {
  when: 'never' | 'failure' | 'always';
  /** Empty without one. */
  token: string;
  given: RawInputs;
  env: NodeJS.ProcessEnv;
}

/** What a comment shows. */
export interface CommentContent {
  outcome: Outcome;
  /** The summary in at most so many bytes. */
  summarize: (maxBytes: number) => string;
  /** Empty where there is none. */
  artifactUrl: string;
}

/** The plan of a step whose inputs may be wrong: then what it asked for counts, if it is a word that the input has. */
export function planComment(when: string | undefined, given: RawInputs, env: NodeJS.ProcessEnv): CommentPlan {
  return { when: when === 'always' || when === 'failure' ? when : 'never', token: given.token ?? '', given, env };
}

/** For all requests together: the run has ended, and is waiting for this alone. */
const deadlineMilliseconds = 20_000;
/** Of 100 comments each. */
const maxPages = 30;

/**
 * Creates the comment of this job, or updates the one that an earlier run wrote. Changes nothing about the run: whatever is in
 * the way is a warning.
 *
 * A cancelled run writes none, since the run that replaces it does. A run that began before the one of the comment writes none
 * either.
 */
export async function commentOnPullRequest(
  plan: CommentPlan,
  content: CommentContent,
  reporter: ActionReporter,
): Promise<void> {
  if (plan.when === 'never' || content.outcome === 'cancelled') return;
  const event = readEvent(plan.env);
  if (event === undefined) return reporter.say('no comment: this run was not caused by a pull request');
  if (plan.token === '')
    return reporter.warn(
      `the pull request gets no comment: there is no token. ${event.isFork ? 'Secrets are not given to pull requests of forks' : `Fix: set token: \${{ github.token }}, and give the job permissions: pull-requests: write`}.`,
    );
  reporter.mask(plan.token);
  try {
    reporter.say(await writeComment(plan, event, content));
  } catch (error) {
    reporter.warn(explainRefusal(error, event));
  }
}

/** @returns what was done. @throws what GitHub's client throws. */
async function writeComment(plan: CommentPlan, event: PullRequestEvent, content: CommentContent): Promise<string> {
  const { token, env } = plan;
  const { owner, repo, number } = event;
  const signal = AbortSignal.timeout(deadlineMilliseconds);
  const github = getOctokit(token, {
    baseUrl: env.GITHUB_API_URL ?? 'https://api.github.com',
    request: { signal },
    // What it would log are the errors that we explain.
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  });
  const key = keyOf(plan);
  const run = { id: Number(env.GITHUB_RUN_ID ?? 0), attempt: Number(env.GITHUB_RUN_ATTEMPT ?? 1) };
  const own: { id: number; run: CommentedRun }[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < maxPages; page++) {
    const listed: CommentPage = v.parse(
      pageSchema,
      await github.graphql(commentsQuery, { owner, repo, number, cursor }),
    );
    const { nodes, pageInfo } = listed.repository.pullRequest.comments;
    for (const { databaseId, body, viewerDidAuthor } of nodes) {
      // A comment of someone else may begin with our mark as well.
      const of = viewerDidAuthor ? readMark(body, key) : undefined;
      if (of !== undefined) own.push({ id: databaseId, run: of });
    }
    if (!pageInfo.hasNextPage) break;
    cursor = pageInfo.endCursor;
  }
  const later = own.find((one) => isLater(one.run, run));
  if (later !== undefined)
    return `the comment of the pull request stays: it is of run ${later.run.id}, attempt ${later.run.attempt}, which began later`;
  const [former, ...others] = own;
  if (former === undefined && plan.when === 'failure' && content.outcome === 'passed')
    return 'no comment: the run passed, and no earlier one wrote a comment';
  const text = renderComment({
    key,
    run,
    title: titleOf(plan),
    links: linksOf(plan, event, content.artifactUrl),
    summarize: content.summarize,
  });
  const body = new SecretMask([token]).maskText(text);
  const { data } =
    former === undefined
      ? await github.rest.issues.createComment({ owner, repo, issue_number: number, body })
      : await github.rest.issues.updateComment({ owner, repo, comment_id: former.id, body });
  // Two runs that began at the same time may each have created one.
  for (const { id } of others) await github.rest.issues.deleteComment({ owner, repo, comment_id: id });
  return `comment ${former === undefined ? 'created' : 'updated'}: ${toOneLine(data.html_url, 300)}`;
}

function ignore(): void {}

const commentsQuery = `query ($owner: String!, $repo: String!, $number: Int!, $cursor: String) {
  repository(owner: $owner, name: $repo) {
    pullRequest(number: $number) {
      comments(first: 100, after: $cursor) {
        nodes { databaseId body viewerDidAuthor }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}`;
const pageSchema = v.object({
  repository: v.object({
    pullRequest: v.object({
      comments: v.object({
        nodes: v.array(v.object({ databaseId: v.number(), body: v.string(), viewerDidAuthor: v.boolean() })),
        pageInfo: v.object({ hasNextPage: v.boolean(), endCursor: v.nullable(v.string()) }),
      }),
    }),
  }),
});
type CommentPage = v.InferOutput<typeof pageSchema>;

interface PullRequestEvent {
  owner: string;
  repo: string;
  number: number;
  /** Full SHA of the commit; empty where the event does not say. */
  sha: string;
  isFork: boolean;
}

const repository = v.nullish(v.object({ full_name: v.string() }));
const eventSchema = v.object({
  pull_request: v.optional(
    v.object({
      number: v.number(),
      head: v.object({ sha: v.string(), repo: repository }),
      base: v.object({ repo: repository }),
    }),
  ),
  issue: v.optional(v.object({ number: v.number(), pull_request: v.optional(v.unknown()) })),
});

/**
 * The pull request that caused this run, by the payload of its event
 * (https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request). Undefined for other events.
 */
function readEvent(env: NodeJS.ProcessEnv): PullRequestEvent | undefined {
  const [owner, repo] = (env.GITHUB_REPOSITORY ?? '').split('/');
  if (owner === undefined || owner === '' || repo === undefined || env.GITHUB_EVENT_PATH === undefined)
    return undefined;
  let event: v.InferOutput<typeof eventSchema>;
  try {
    event = v.parse(eventSchema, JSON.parse(readFileSync(env.GITHUB_EVENT_PATH, 'utf8')));
  } catch {
    // A payload of another shape is of another event; a runner that is not GitHub's may have none.
    return undefined;
  }
  const { pull_request: pull, issue } = event;
  if (pull !== undefined) {
    // The repository of a fork that was removed is null.
    const isFork = pull.head.repo?.full_name !== pull.base.repo?.full_name;
    return { owner, repo, number: pull.number, sha: pull.head.sha, isFork };
  }
  return issue?.pull_request === undefined ? undefined : { owner, repo, number: issue.number, sha: '', isFork: false };
}

/** Of one job there is one comment, whatever matrix, tier, step or call of a reusable workflow it is. */
function keyOf({ given, env }: CommentPlan): string[] {
  return [
    env.GITHUB_WORKFLOW ?? '',
    env.GITHUB_JOB ?? '',
    env.GITHUB_ACTION ?? '',
    given.mode ?? '',
    given.tier ?? '',
    given['leg-name'] ?? '',
    JSON.stringify(matrixOf(given)),
  ];
}

function titleOf({ given, env }: CommentPlan): string[] {
  const name = given.mode === 'report' ? [] : [given.tier ?? 'integration'];
  const values = Object.entries(matrixOf(given)).map(([key, value]) => `${key}: ${toText(value)}`);
  return [env.GITHUB_WORKFLOW ?? 'k8s-test', env.GITHUB_JOB ?? '', given['leg-name'] ?? '', ...name, ...values];
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** Values of the matrix from the input `leg`, which action.yml fills in; none where a user gave something else. */
function matrixOf({ leg }: RawInputs): Record<string, unknown> {
  try {
    const { matrix } = v.parse(
      v.object({ matrix: v.nullable(v.record(v.string(), v.unknown())) }),
      JSON.parse(leg ?? ''),
    );
    return matrix ?? {};
  } catch {
    return {};
  }
}

function linksOf({ env }: CommentPlan, { sha }: PullRequestEvent, artifactUrl: string) {
  const repo = `${env.GITHUB_SERVER_URL ?? 'https://github.com'}/${env.GITHUB_REPOSITORY}`;
  const attempt = env.GITHUB_RUN_ATTEMPT ?? '1';
  return [
    {
      text: `run ${env.GITHUB_RUN_ID}, attempt ${attempt}`,
      url: `${repo}/actions/runs/${env.GITHUB_RUN_ID}/attempts/${attempt}`,
    },
    ...(sha === '' ? [] : [{ text: `commit ${sha.slice(0, 10)}`, url: `${repo}/commit/${sha}` }]),
    ...(artifactUrl === '' ? [] : [{ text: 'all files', url: artifactUrl }]),
  ];
}

/** Why there is no comment, and what to do. */
function explainRefusal(error: unknown, { isFork }: PullRequestEvent): string {
  const status = v.safeParse(v.object({ status: v.number() }), error);
  const code = status.success ? status.output.status : undefined;
  const isTimeout = error instanceof Error && /TimeoutError|AbortError/.test(`${error.name}${String(error.cause)}`);
  const why = isTimeout ? 'GitHub did not answer in time' : `GitHub answers: ${toOneLine(messageOf(error), 300)}`;
  const isRefused = code === 403 || code === 404 || /not accessible|FORBIDDEN/i.test(messageOf(error));
  const fix =
    code === 401
      ? 'The token has ended, or is of another server.'
      : !isRefused
        ? 'The summary of the run has the same text.'
        : isFork
          ? 'The pull request is of a fork, whose token can only read. The summary of the run has the same text.'
          : 'Fix: give the job permissions: pull-requests: write.';
  return `the pull request gets no comment: ${why.replace(/\.$/, '')}. ${fix}`;
}
