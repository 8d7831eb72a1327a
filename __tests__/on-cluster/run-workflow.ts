/** Runs workflows as GitHub's runner would, by act, with a service that stores artifacts; for the tests of a file. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { shareResultsService } from '../support/results-service/share-results-service.ts';
import { takeInventory } from './command-line.ts';

/** A line of the runner's log. */
interface LogLine {
  msg: string;
  /** `error`, `summary`, `set-output`…: a workflow command that was obeyed; absent when text was only printed. */
  command?: string;
  /** Message of an annotation. */
  arg?: string;
  /** Markdown of a step summary. */
  content?: string;
}

/** A workflow run that has ended. */
export interface WorkflowEnd {
  status: number | null;
  /** All that was printed, for people. */
  output: string;
  /** Outputs of the action's step, as the next step of the job saw them; empty when the job reports none. */
  outputs: Record<string, string>;
  /** Errors that the runner shows as annotations. */
  errors: string[];
  /** What the steps wrote to their summaries. */
  summary: string;
  /** Path of a file that the job wrote, or of a place for files that belong to it. */
  told: (...names: string[]) => string;
}

interface WorkflowOptions {
  /** Name for the output, where a workflow runs more than once. */
  as?: string;
  /** Path of a workflow that is not among those of the tests, and the repository that it is part of. */
  file?: string;
  cwd?: string;
  env?: Record<string, string>;
  flags?: string[];
  /** What caused the run, with a file of its payload, where that is not a push. */
  event?: { name: string; payload: string };
}

export const service = shareResultsService();
/** Directory for the output of the jobs of the file. */
export let directory: string;
/** What the machine had when the test began. */
export let before: ReturnType<typeof takeInventory>;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'action-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  before = takeInventory();
});

/** Runs a workflow of __tests__/workflows on this machine, in a copy of the checkout, as the runner of GitHub would. */
export async function runWorkflow(name: string, how: WorkflowOptions = {}): Promise<WorkflowEnd> {
  const told = (...names: string[]) => path.join(directory, how.as ?? name, ...names);
  mkdirSync(told());
  const lab = { TOLD: told(), FLOE_LAB_NODE_IMAGE: process.env.FLOE_LAB_NODE_IMAGE ?? '' };
  const env = { ...service().admitJob(), ...lab, ...how.env };
  const event = how.event === undefined ? ['push'] : [how.event.name, '--eventpath', how.event.payload];
  const args = [...event, '--json', '--workflows', how.file ?? `__tests__/workflows/${name}.yml`, ...(how.flags ?? [])];
  for (const label of ['ubuntu-latest', 'ubuntu-24.04']) args.push('--platform', `${label}=-self-hosted`);
  args.push('--no-cache-server', '--action-cache-path', path.join(directory, 'act'));
  for (const [variable, value] of Object.entries(env)) args.push('--env', `${variable}=${value}`);
  const act = spawn('act', args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: how.cwd });
  let printed = '';
  let complaints = '';
  act.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
  });
  act.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints += chunk;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    act.once('error', reject);
    act.once('close', resolve);
  });
  const log = printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine);
  return {
    status,
    output: `${log.map((line) => line.msg.trimEnd()).join('\n')}\n${complaints}`,
    outputs: existsSync(told('outputs.json')) ? JSON.parse(readFileSync(told('outputs.json'), 'utf8')) : {},
    errors: log.flatMap((line) => (line.command === 'error' ? [line.arg ?? ''] : [])),
    summary: log.flatMap((line) => (line.command === 'summary' ? [line.content ?? ''] : [])).join(''),
    told,
  };
}

/** Names and contents of all files below a directory. */
export function readTree(root: string): Map<string, string> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(files.sort().map((file) => [path.relative(root, file), readFileSync(file, 'latin1')]));
}

/** Downloads the artifact that the outputs name into `artifact` beside the output, and returns its files. */
export async function readArtifact(end: WorkflowEnd): Promise<{ name: string; files: Map<string, string> }> {
  const stored = service()
    .listStored()
    .find((artifact) => String(artifact.id) === end.outputs['artifact-id']);
  if (stored === undefined) throw new Error(`no artifact with id "${end.outputs['artifact-id']}":\n${end.output}`);
  await service().download(stored.name, end.told('artifact'));
  return { name: stored.name, files: readTree(end.told('artifact')) };
}

/** The verdicts of all legs that are stored under such a name, by name; their files are in `legs` beside the output. */
export async function readLegs(pattern: RegExp): Promise<{ name: string; verdict: Verdict }[]> {
  const names = service()
    .listStored()
    .flatMap(({ name }) => (pattern.test(name) ? [name] : []));
  const legs: { name: string; verdict: Verdict }[] = [];
  for (const name of names.sort()) {
    const at = path.join(directory, 'legs', name);
    await service().download(name, at);
    legs.push({ name, verdict: JSON.parse(readFileSync(path.join(at, 'result.json'), 'utf8')) as Verdict });
  }
  return legs;
}

/** That neither the machine nor the runner's directory for temporary files holds anything of the run. */
export function expectNothingLeft(end: WorkflowEnd): void {
  expect(takeInventory()).toEqual(before);
  const listed = (name: string) =>
    readFileSync(end.told(name), 'utf8')
      .split('\n')
      .filter((file) => file !== '');
  // The directory that holds the records of runs stays, and is empty.
  expect(listed('after.txt').filter((file) => file !== 'k8s-test-action')).toEqual(listed('before.txt'));
}
