/**
 * The record of a run: what it has created outside its results directory, each item recorded *before* it is created, so that a
 * teardown in another process (the action's post step, `down` after a crash) can remove all of that and nothing else.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { findJobProcess, identifySelf, isAlive, judgeLife, type ProcessIdentity, processSchema } from './is-alive.ts';
import { takeLock, writerOf } from './take-lock.ts';

const madeSchema = v.variant('kind', [
  /** A Kind cluster of this name, whose containers carry Kind's label. `isWhole` once no more nodes are created for it. */
  v.object({ kind: v.literal('cluster'), name: v.string(), isWhole: v.boolean() }),
  /** An image of the local docker under a name of ours. */
  v.object({ kind: v.literal('image'), name: v.string() }),
  /** A container under a name of ours, which is no node. */
  v.object({ kind: v.literal('container'), name: v.string() }),
  /** A directory that only we use, with all that is in it. */
  v.object({ kind: v.literal('directory'), path: v.string() }),
  /** A namespace of a cluster that stays; ours if its label has the run's id. The kubeconfig is a file of ours. */
  v.object({ kind: v.literal('namespace'), name: v.string(), kubeconfigPath: v.string() }),
  /** A release in a cluster that stays; ours if its label has the run's id. */
  v.object({
    kind: v.literal('release'),
    name: v.string(),
    namespace: v.string(),
    helm: v.string(),
    kubeconfigPath: v.string(),
  }),
  /** An object in a namespace that was there before us; ours if its label has the run's id. */
  v.object({
    kind: v.literal('object'),
    apiVersion: v.string(),
    object: v.string(),
    name: v.string(),
    namespace: v.string(),
    kubeconfigPath: v.string(),
  }),
]);

/** One item that a run has created and that teardown removes. */
export type Made = v.InferOutput<typeof madeSchema>;

const platformSchema = v.object({
  /** Of what the chart was rendered from. */
  digest: v.string(),
  /** Of the helm release, as helm counts them. */
  revision: v.string(),
});

/** A platform that was ready, as helm installed it last. */
export type InstalledPlatform = v.InferOutput<typeof platformSchema>;

const reusableClusterSchema = v.object({
  cluster: v.object({
    name: v.string(),
    kubeconfigPath: v.string(),
    nodes: v.array(v.string()),
    kubernetes: v.string(),
    mountedHostPath: v.string(),
  }),
  tier: v.string(),
  /** Where the command line was called; flags and the project file are read against it. */
  directory: v.string(),
  /** The flags, without secrets: those are never written to a disk. */
  given: v.record(v.string(), v.string()),
  hasSecrets: v.boolean(),
  /** By input, a digest of what the cluster cannot be given again. */
  shape: v.record(v.string(), v.string()),
  /** Absent until the platform was ready, and once it was found broken. */
  platform: v.optional(platformSchema),
});

/** What a later run must know of a cluster to enter it. */
export type ReusableCluster = v.InferOutput<typeof reusableClusterSchema>;

const recordSchema = v.object({
  schema: v.literal(1),
  /** Unique to the run; part of every name that the run gives. */
  runId: v.string(),
  /** Process that runs it: while it lives, no other may tear down. */
  ...processSchema.entries,
  /** Of a run in a workflow: its job, which may use what is kept until it ends. `job` is null where it cannot be seen. */
  workflow: v.optional(v.object({ job: v.nullable(processSchema), isOver: v.boolean() })),
  startedAt: v.string(),
  /** Why the cluster stays although the run is over; absent when it does not. */
  kept: v.optional(v.string()),
  reusable: v.optional(reusableClusterSchema),
  made: v.array(madeSchema),
});

export type RunContent = v.InferOutput<typeof recordSchema>;

/** A new id for a run: part of every name that it gives. */
export function newRunId(): string {
  return randomBytes(4).toString('hex');
}

/** A record on disk. Every change is on the disk when the call returns. */
export class RunRecord {
  readonly file: string;
  #content: RunContent;

  private constructor(file: string, content: RunContent) {
    this.file = file;
    this.#content = content;
  }

  /** Begins the record of a run in `directory`, which is made if need be. */
  static begin(directory: string, runId: string, { isInWorkflow = false } = {}): RunRecord {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const startedAt = new Date().toISOString();
    const workflow = { job: findJobProcess() ?? null, isOver: false };
    const content: RunContent = {
      schema: 1,
      runId,
      ...identifySelf(),
      ...(isInWorkflow ? { workflow } : {}),
      startedAt,
      made: [],
    };
    const record = new RunRecord(path.join(directory, `${runId}${suffix}`), content);
    record.#write();
    return record;
  }

  /** Opens a record that another process wrote. Throws when the file is no record. */
  static open(file: string): RunRecord {
    return new RunRecord(file, v.parse(recordSchema, JSON.parse(readFileSync(file, 'utf8'))));
  }

  /** All records in a directory, the oldest first; other files are skipped. */
  static list(directory: string): RunRecord[] {
    let names: string[];
    try {
      names = readdirSync(directory);
    } catch {
      return [];
    }
    const records = names
      .filter((name) => name.endsWith(suffix))
      .flatMap((name) => {
        try {
          return [RunRecord.open(path.join(directory, name))];
        } catch {
          return [];
        }
      });
    return records.sort((a, b) => a.content.startedAt.localeCompare(b.content.startedAt));
  }

  get content(): Readonly<RunContent> {
    return this.#content;
  }

  /** Notes what is about to be made. Call it before making it. */
  note(made: Made): void {
    this.#content = { ...this.#content, made: [...this.#content.made, made] };
    this.#write();
  }

  /** Removes an entry when its item is gone, or replaces it. */
  forget(made: Made, instead: Made[] = []): void {
    const others = this.#content.made.filter((other) => !isDeepStrictEqual(other, made));
    this.#content = { ...this.#content, made: [...others, ...instead] };
    this.#write();
  }

  /** Marks the run's things as kept for a look, with the reason that `down` will show. */
  keep(reason: string): void {
    this.#content = { ...this.#content, kept: reason };
    this.#write();
  }

  /** The job of the workflow needs nothing anymore that the run has kept. */
  endJob(): void {
    const { workflow } = this.#content;
    if (workflow === undefined) return;
    this.#content = { ...this.#content, workflow: { ...workflow, isOver: true } };
    this.#write();
  }

  /** Notes what the next run must know of the cluster, should it be kept. */
  setReusable(reusable: ReusableCluster): void {
    this.#content = { ...this.#content, reusable };
    this.#write();
  }

  /** Notes the platform in the cluster, or with undefined that it is to be installed again. */
  notePlatform(platform: InstalledPlatform | undefined): void {
    const { reusable } = this.#content;
    if (reusable === undefined) return;
    const { platform: _, ...rest } = reusable;
    this.setReusable(platform === undefined ? rest : { ...rest, platform });
  }

  /**
   * Reserves the kept cluster for this process, until `release` or its end.
   * @returns the process that holds it, if that is another one.
   */
  occupy(): ProcessIdentity | undefined {
    return takeLock(this.#lock);
  }

  /** Gives the kept cluster back. */
  release(): void {
    rmSync(this.#lock, { force: true });
  }

  /** The living process that uses the kept cluster. */
  get occupant(): ProcessIdentity | undefined {
    const owner = writerOf(this.#lock);
    return owner !== undefined && isAlive(owner) ? owner : undefined;
  }

  get #lock(): string {
    return `${this.file}.lock`;
  }

  /** The run is over and nothing of it is left. */
  remove(): void {
    rmSync(this.file, { force: true });
    this.release();
  }

  /** Whether the process that wrote the record still runs; where that cannot be known, true for a day. */
  get isAlive(): boolean {
    return this.#lives(this.#content);
  }

  /** The job of a workflow that may still use what is kept. */
  get livingJob(): ProcessIdentity | undefined {
    const { workflow } = this.#content;
    if (workflow === undefined || workflow.isOver) return undefined;
    if (workflow.job !== null) return this.#lives(workflow.job) ? workflow.job : undefined;
    return this.#isOlderThanADay ? undefined : { pid: 0, startTicks: '' };
  }

  /** Whether run and job are over, and nothing of them was kept for inspection. */
  get isOver(): boolean {
    const { kept, workflow } = this.#content;
    if (this.isAlive || (kept !== undefined && workflow === undefined)) return false;
    return this.livingJob === undefined;
  }

  /** Whether the next run removes what the record names. */
  get isLeftover(): boolean {
    return this.isOver && this.occupant === undefined;
  }

  #lives(identity: ProcessIdentity): boolean {
    const life = judgeLife(identity);
    return life === 'alive' || (life === 'unknown' && !this.#isOlderThanADay);
  }

  get #isOlderThanADay(): boolean {
    return Date.now() - Date.parse(this.#content.startedAt) > dayMilliseconds;
  }

  #write(): void {
    const draft = `${this.file}.draft`;
    const fd = openSync(draft, 'w', 0o600);
    try {
      writeSync(fd, `${JSON.stringify(this.#content, null, 2)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, this.file);
  }
}

const suffix = '.run.json';
/** A job of a runner in a container, which cannot be checked from outside, is not waited for longer than this. */
const dayMilliseconds = 24 * 60 * 60 * 1000;
