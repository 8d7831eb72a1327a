import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { DefaultArtifactClient } from '@actions/artifact';
import { type BlobClient, BlobSASPermissions } from '@azure/storage-blob';
import * as v from 'valibot';
import { startBlobStore } from './azurite.ts';

/** An artifact that has been finalized. */
export interface StoredArtifact {
  id: number;
  name: string;
  sizeBytes: number;
  /** Of the zip, as the uploader computed it and the service checked it. */
  sha256: string;
  /** RFC 3339; undefined when the uploader set no end. */
  expiresAt: string | undefined;
}

/** What a job needs to reach the service. */
export interface ResultsEnv {
  ACTIONS_RESULTS_URL: string;
  ACTIONS_RUNTIME_TOKEN: string;
}

export interface ResultsService {
  /** The environment of one more job of the same workflow run, or of the run that is named. */
  admitJob: (workflowRun?: string) => ResultsEnv;
  /** Finalized artifacts of all runs, the oldest first. */
  listStored: () => StoredArtifact[];
  /** Downloads an artifact of the run, as another job of it would, and unzips it into a directory. Throws when there is none. */
  download: (name: string, directory: string) => Promise<void>;
  stop: () => Promise<void>;
}

interface Job {
  workflow_run_backend_id: string;
  workflow_job_run_backend_id: string;
}

interface Artifact extends Job {
  id: number;
  name: string;
  createdAt: string;
  expiresAt: string | undefined;
  mimeType: string;
  blob: BlobClient;
  finalized: { sizeBytes: number; sha256: string } | undefined;
}

/** An error as Twirp answers it: https://twitchtv.github.io/twirp/docs/spec_v7.html#error-codes */
class TwirpError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const jobShape = { workflow_run_backend_id: v.string(), workflow_job_run_backend_id: v.string() };
const namedShape = { ...jobShape, name: v.pipe(v.string(), v.nonEmpty()) };
/** The requests of github.actions.results.api.v1.ArtifactService, field for field: an unknown one is refused. */
const requests = {
  CreateArtifact: v.strictObject({
    ...namedShape,
    version: v.literal(7),
    expires_at: v.optional(v.pipe(v.string(), v.isoTimestamp())),
    mime_type: v.optional(v.string()),
  }),
  FinalizeArtifact: v.strictObject({
    ...namedShape,
    size: v.string(),
    hash: v.pipe(v.string(), v.startsWith('sha256:')),
  }),
  GetSignedArtifactURL: v.strictObject(namedShape),
  ListArtifacts: v.strictObject({
    ...jobShape,
    name_filter: v.optional(v.string()),
    id_filter: v.optional(v.string()),
  }),
  DeleteArtifact: v.strictObject(namedShape),
};
type Method = keyof typeof requests;
type Calls = { [M in Method]: (request: v.InferOutput<(typeof requests)[M]>) => Promise<object> };

const route = '/twirp/github.actions.results.api.v1.ArtifactService/';
const signedForMinutes = 60;

/**
 * Starts a results service on loopback: the artifact service of GitHub as @actions/artifact 6 uses it, with a real blob store
 * behind it. Names are unique in a workflow run, and a token only gives access to its own run.
 */
export async function startResultsService(): Promise<ResultsService> {
  const store = await startBlobStore();
  const artifacts: Artifact[] = [];
  const jobs = new Map<string, Job>();
  let lastId = 0;

  const find = (request: Job & { name: string }): Artifact => {
    const found = artifacts.find(
      (one) => one.workflow_run_backend_id === request.workflow_run_backend_id && one.name === request.name,
    );
    if (found === undefined) throw new TwirpError(404, 'not_found', `no artifact ${request.name} in the workflow run`);
    return found;
  };
  const sign = (artifact: Artifact, permissions: string) =>
    artifact.blob.generateSasUrl({
      permissions: BlobSASPermissions.parse(permissions),
      expiresOn: new Date(Date.now() + signedForMinutes * 60_000),
      contentType: artifact.mimeType,
    });

  const calls: Calls = {
    CreateArtifact: async (request) => {
      const isTaken = artifacts.some(
        (one) => one.workflow_run_backend_id === request.workflow_run_backend_id && one.name === request.name,
      );
      if (isTaken)
        throw new TwirpError(409, 'already_exists', 'an artifact with this name already exists on the workflow run');
      const artifact: Artifact = {
        workflow_run_backend_id: request.workflow_run_backend_id,
        workflow_job_run_backend_id: request.workflow_job_run_backend_id,
        id: ++lastId,
        name: request.name,
        createdAt: new Date().toISOString(),
        expiresAt: request.expires_at,
        mimeType: request.mime_type ?? 'application/zip',
        blob: store.container.getBlobClient(`${request.workflow_run_backend_id}/${randomUUID()}`),
        finalized: undefined,
      };
      artifacts.push(artifact);
      return { ok: true, signed_upload_url: await sign(artifact, 'cw') };
    },
    FinalizeArtifact: async (request) => {
      const artifact = find(request);
      if (!(await artifact.blob.exists())) throw new TwirpError(400, 'failed_precondition', 'nothing was uploaded');
      const content = await artifact.blob.downloadToBuffer();
      const sha256 = createHash('sha256').update(content).digest('hex');
      if (request.size !== String(content.length) || request.hash !== `sha256:${sha256}`)
        throw new TwirpError(400, 'failed_precondition', `uploaded were ${content.length} bytes with sha256:${sha256}`);
      artifact.finalized = { sizeBytes: content.length, sha256 };
      return { ok: true, artifact_id: String(artifact.id) };
    },
    GetSignedArtifactURL: async (request) => {
      const artifact = find(request);
      if (artifact.finalized === undefined)
        throw new TwirpError(404, 'not_found', `artifact ${request.name} is not finalized`);
      return { signed_url: await sign(artifact, 'r') };
    },
    ListArtifacts: async (request) => ({
      artifacts: artifacts
        .filter((one) => one.workflow_run_backend_id === request.workflow_run_backend_id)
        .filter((one) => request.name_filter === undefined || one.name === request.name_filter)
        .filter((one) => request.id_filter === undefined || String(one.id) === request.id_filter)
        .flatMap((one) => (one.finalized === undefined ? [] : [describeArtifact(one, one.finalized)])),
    }),
    DeleteArtifact: async (request) => {
      const artifact = find(request);
      await artifact.blob.deleteIfExists();
      artifacts.splice(artifacts.indexOf(artifact), 1);
      return { ok: true, artifact_id: String(artifact.id) };
    },
  };

  const answer = async (request: IncomingMessage): Promise<object> => {
    const job = jobs.get(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (job === undefined) throw new TwirpError(401, 'unauthenticated', 'no token, or none that was issued here');
    const method = request.url?.startsWith(route) ? request.url.slice(route.length) : '';
    if (request.method !== 'POST' || !isMethod(method))
      throw new TwirpError(404, 'bad_route', `no such call: ${request.url}`);
    const text = (await buffer(request)).toString();
    const parsed = v.safeParse(requests[method], JSON.parse(text));
    if (!parsed.success) throw new TwirpError(400, 'malformed', `${method}: ${v.summarize(parsed.issues)}`);
    const { workflow_run_backend_id: run, workflow_job_run_backend_id: id } = parsed.output;
    if (run !== job.workflow_run_backend_id)
      throw new TwirpError(403, 'permission_denied', 'the token is for another workflow run');
    // Artifacts of a run are read by its other jobs too; only its own job makes them.
    if (method === 'CreateArtifact' && id !== job.workflow_job_run_backend_id)
      throw new TwirpError(403, 'permission_denied', 'the token is for another job');
    // The method decides the shape of its request, which the type system cannot see across the union.
    return await (calls[method] as (request: unknown) => Promise<object>)(parsed.output);
  };

  const server = createServer((request, response) => {
    const reply = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    answer(request).then(
      (body) => reply(200, body),
      (error: unknown) => {
        if (error instanceof TwirpError) reply(error.status, { code: error.code, msg: error.message });
        else reply(500, { code: 'internal', msg: String(error) });
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const ownRun: string = randomUUID();
  const admitJob = (workflowRun: string = ownRun): ResultsEnv => {
    const job = { workflow_run_backend_id: workflowRun, workflow_job_run_backend_id: randomUUID() };
    const token = makeToken(job);
    jobs.set(token, job);
    return { ACTIONS_RESULTS_URL: `${url}/`, ACTIONS_RUNTIME_TOKEN: token };
  };
  return {
    admitJob,
    listStored: () =>
      artifacts.flatMap(({ id, name, expiresAt, finalized }) =>
        finalized === undefined ? [] : [{ id, name, expiresAt, ...finalized }],
      ),
    download: (name, directory) =>
      withEnv(admitJob(), async () => {
        const client = new DefaultArtifactClient();
        const { artifact } = await client.getArtifact(name);
        const expectedHash = artifact.digest;
        if (expectedHash === undefined) throw new Error(`${name} has no digest`);
        const { digestMismatch } = await client.downloadArtifact(artifact.id, { path: directory, expectedHash });
        if (digestMismatch === true) throw new Error(`${name} came down with another digest than ${expectedHash}`);
      }),
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      await store.stop();
    },
  };
}

/** Runs something with these variables in the environment, which is where @actions/artifact looks for them. */
export async function withEnv<T>(env: Record<string, string> | ResultsEnv, run: () => Promise<T>): Promise<T> {
  const former = { ...process.env };
  Object.assign(process.env, env);
  try {
    return await run();
  } finally {
    process.env = former;
  }
}

function isMethod(name: string): name is Method {
  return Object.hasOwn(requests, name);
}

/** A token as the runner hands it out: an unsigned JWT whose scope names run and job. */
function makeToken(job: Job): string {
  const scope = `Actions.Results:${job.workflow_run_backend_id}:${job.workflow_job_run_backend_id}`;
  return `${encodePart({ alg: 'none', typ: 'JWT' })}.${encodePart({ scp: `Actions.Example ${scope}`, jti: randomUUID() })}.`;
}

/** ListArtifactsResponse.MonolithArtifact; 64-bit numbers are strings in the JSON of protobuf. */
function describeArtifact(one: Artifact, finalized: { sizeBytes: number; sha256: string }): object {
  return {
    workflow_run_backend_id: one.workflow_run_backend_id,
    workflow_job_run_backend_id: one.workflow_job_run_backend_id,
    database_id: String(one.id),
    name: one.name,
    size: String(finalized.sizeBytes),
    created_at: one.createdAt,
    digest: `sha256:${finalized.sha256}`,
  };
}

function encodePart(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
