import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { TestCase } from '../../src/core/outcome.ts';
import { findContainer, type JobManifest } from '../../src/inputs/job-manifest.ts';
import { shardJob, shardStatusFile } from '../../src/job/shard-job.ts';
import type { JUnitReport } from '../../src/junit/junit-report.ts';
import { readJUnit } from '../../src/junit/read-junit.ts';
import { decideVerdict } from '../../src/verdict/decide-verdict.ts';
import { type MergedVerdict, mergeShards, type ShardFacts } from '../../src/verdict/merge-shards.ts';

/** A directory that is removed when the test is over. */
export function makeDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'split-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface ShardedTool {
  /** The command of the test container. `/results` in it is where a shard writes. */
  command: string[];
  cwd: string;
  env?: Record<string, string>;
  shards: number;
}

export interface ToolRun {
  merged: MergedVerdict;
  /** The tests of each shard that ran, by class and name. */
  ran: string[][];
  /** What each printed. */
  printed: string[];
}

/**
 * Runs a test tool in so many processes with the command and the variables that the pods of our Job would give it, and judges
 * what they report as a run does.
 */
export async function runAsShards(tool: ShardedTool): Promise<ToolRun> {
  const root = makeDirectory();
  const container = { name: 'tests', image: 'i', command: tool.command };
  const manifest: JobManifest = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'suite' },
    spec: { template: { spec: { containers: [container] } } },
  };
  const options = { shards: tool.shards, resultsPath: '/results', kubernetes: 'v1.34.4' };
  const { jobs, way } = shardJob(manifest, 'tests', options);
  const facts: ShardFacts[] = [];
  const ran: string[][] = [];
  const printed: string[] = [];
  let isAnnounced = way === 'placeholders';
  for (const job of jobs)
    for (const shard of job.shards) {
      const results = path.join(root, `shard-${shard}`);
      mkdirSync(results);
      const local = (text: string) => text.replaceAll('/results', results);
      const { command = [], env = [] } = findContainer(job.manifest, 'tests');
      const [program = '', ...args] = (command as string[]).map(local);
      // The kubelet fills the index in from the pod's annotation.
      const given = env.map(({ name, value }) => [name, local(value ?? String(shard))] as const);
      const { status, stdout, stderr } = spawnSync(program, args, {
        cwd: tool.cwd,
        env: { PATH: process.env.PATH ?? '', HOME: root, ...tool.env, ...Object.fromEntries(given) },
        encoding: 'utf8',
        timeout: 110_000,
      });
      printed.push(`${stdout}${stderr}`);
      isAnnounced ||= existsSync(path.join(results, shardStatusFile));
      const reports = [];
      for (const file of readdirSync(results).filter((name) => name.endsWith('.xml')))
        reports.push(await readReport(path.join(results, file), status ?? -1));
      const cases = reports.flatMap((report) => report.cases);
      ran.push(cases.filter(isRun).map(({ classname, name }) => `${classname} ${name}`));
      facts.push(factsOf(shard, { exitCode: status ?? -1, reports, cases }));
    }
  return { merged: mergeShards(facts, { interruption: null, isAnnounced }), ran, printed };
}

const isRun = ({ status }: TestCase) => status !== 'skipped';

async function readReport(file: string, exitCode: number): Promise<JUnitReport> {
  const read = await readJUnit(file, { file: path.basename(file), exitCode });
  if (!read.ok) throw new Error(`${file}: ${read.failure.reason}`);
  return read.value;
}

/** As a run has them, of a tool whose output shows nothing more. */
function factsOf(shard: number, one: { exitCode: number; reports: JUnitReport[]; cases: TestCase[] }): ShardFacts {
  const { exitCode, reports, cases } = one;
  const verdict = decideVerdict({
    interruption: null,
    end: { exitCode },
    memoryLimit: '1Gi',
    memory: { kills: [] },
    reports,
    unreadable: [],
    stale: [],
    reconstructed: undefined,
    sessions: [],
    failedNames: [],
    logGaps: [],
    tool: undefined,
    junitGlobs: ['**/*.xml'],
    resultsPath: '/results',
  });
  return {
    shard,
    pod: `suite-${shard}`,
    verdict,
    isLost: false,
    isEmpty: verdict.failure?.kind === 'no-tests' && exitCode === 0,
    cases,
    casesLeftOut: 0,
    hosts: new Map(reports.flatMap(({ hosts }) => [...hosts])),
    failedNames: [],
    pytest: undefined,
  };
}
