/** What GitHub knows of each artifact of a workflow run: the artifact client drops the job that uploaded it. */
import * as v from 'valibot';
import { fail, messageOf, type Result, succeed, toOneLine } from '../core/outcome.ts';

/** An artifact, as the results service knows it. */
export interface ListedArtifact {
  id: number;
  name: string;
  /** Backend id of the job run that uploaded it. Attempts of one job have different ones. */
  jobRun: string;
  /** Milliseconds of the epoch; undefined where the service does not return it. */
  createdAt: number | undefined;
}

export interface ListedArtifacts {
  /** Backend id of the job run that the token is for. */
  ownJobRun: string;
  artifacts: ListedArtifact[];
}

const deadlineMilliseconds = 30_000;

/** ListArtifactsResponse; 64-bit numbers are strings in the JSON of protobuf, and names occur in either spelling. */
const answerSchema = v.object({
  artifacts: v.optional(v.array(v.record(v.string(), v.unknown())), []),
});

/**
 * Lists the finalized artifacts of the workflow run that a runtime token is for, by the call that the artifact client makes
 * too (github.actions.results.api.v1.ArtifactService/ListArtifacts).
 * @param env with ACTIONS_RESULTS_URL and ACTIONS_RUNTIME_TOKEN.
 */
export async function listArtifacts(env: NodeJS.ProcessEnv): Promise<Result<ListedArtifacts>> {
  const token = env.ACTIONS_RUNTIME_TOKEN ?? '';
  const scope = readScope(token);
  if (scope === undefined || env.ACTIONS_RESULTS_URL === undefined)
    return fail('results', 'the runner gave this step no token for artifacts');
  try {
    const url = new URL('/twirp/github.actions.results.api.v1.ArtifactService/ListArtifacts', env.ACTIONS_RESULTS_URL);
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ workflow_run_backend_id: scope.run, workflow_job_run_backend_id: scope.job }),
      signal: AbortSignal.timeout(deadlineMilliseconds),
    });
    if (!response.ok) return fail('results', `the results service answered ${response.status}`);
    const { artifacts } = v.parse(answerSchema, await response.json());
    return succeed({ ownJobRun: scope.job, artifacts: artifacts.flatMap(readArtifact) });
  } catch (error) {
    return fail('results', `the results service did not answer: ${toOneLine(messageOf(error), 200)}`);
  }
}

function readArtifact(raw: Record<string, unknown>): ListedArtifact[] {
  const id = Number(raw.database_id ?? raw.databaseId);
  const jobRun = raw.workflow_job_run_backend_id ?? raw.workflowJobRunBackendId;
  const { name } = raw;
  if (!Number.isSafeInteger(id) || typeof name !== 'string' || typeof jobRun !== 'string' || jobRun === '') return [];
  const createdAt = Date.parse(String(raw.created_at ?? raw.createdAt));
  return [{ id, name, jobRun, createdAt: Number.isNaN(createdAt) ? undefined : createdAt }];
}

/** The ids of run and job in the scope `Actions.Results:<run>:<job>` of a runtime token, which is a JWT. */
function readScope(token: string): { run: string; job: string } | undefined {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const { scp } = v.parse(v.object({ scp: v.string() }), payload);
    const [, run, job] = /(?:^| )Actions\.Results:([^: ]+):([^: ]+)(?: |$)/.exec(scp) ?? [];
    return run === undefined || job === undefined ? undefined : { run, job };
  } catch {
    return undefined;
  }
}
