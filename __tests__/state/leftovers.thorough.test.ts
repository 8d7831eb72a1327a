import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { beginRun, recordDirectory } from '../../src/pipeline/begin-run.ts';
import { removeLeftovers } from '../../src/pipeline/remove-leftovers.ts';
import { identifySelf, judgeLife } from '../../src/state/is-alive.ts';
import { RunRecord } from '../../src/state/run-record.ts';

let home: string;
let temporary: string;
let said: string[];
let children: ChildProcess[];
const signal = new AbortController().signal;

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'leftovers-'));
  temporary = path.join(home, '_temp');
  mkdirSync(temporary);
  said = [];
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(home, { recursive: true });
});

/** The environment of a runner that stays on its machine. */
const selfHosted = () => ({
  HOME: home,
  RUNNER_TEMP: temporary,
  RUNNER_ENVIRONMENT: 'self-hosted',
  GITHUB_ACTIONS: 'true',
});
const records = () => recordDirectory(selfHosted());
const nextRun = () => removeLeftovers(records(), { signal, say: (line) => said.push(line) });

/**
 * A run in a process of its own, as a job's step starts it: below a process that has the name of GitHub's own. It is over when
 * this returns; the job continues until `endJob`.
 */
async function runInJob({ kept, env = selfHosted() }: { kept?: string; env?: NodeJS.ProcessEnv } = {}) {
  const worker = path.join(home, 'Runner.Worker');
  const script = `
    import { beginRun } from '${path.resolve('src/pipeline/begin-run.ts')}';
    const begun = beginRun(process.env);
    if (${JSON.stringify(kept ?? '')} !== '') begun.value.record.keep(${JSON.stringify(kept ?? '')});
    console.log(JSON.stringify([begun.value.record.file, begun.value.workDir]));`;
  writeFileSync(path.join(home, 'run.mjs'), script);
  writeFileSync(worker, `#!/bin/sh\n'${process.execPath}' '${home}/run.mjs'\necho over\nread line\n`);
  chmodSync(worker, 0o755);
  const job = spawn(worker, { env: { PATH: process.env.PATH, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(job);
  const [file, workDir] = await new Promise<[string, string]>((resolve) => {
    let printed = '';
    job.stdout!.on('data', (text: Buffer) => {
      printed += text.toString();
      const [begun, over] = printed.split('\n');
      if (over === 'over') resolve(JSON.parse(begun!));
    });
  });
  const endJob = async () => {
    const ended = new Promise((resolve) => job.once('exit', resolve));
    job.kill('SIGKILL');
    await ended;
  };
  return { file, workDir, endJob };
}

/** As the runner does between two jobs. */
function emptyTemporary(): void {
  rmSync(temporary, { recursive: true });
  mkdirSync(temporary);
}

describe('on a runner that stays on its machine', () => {
  test('what a killed job left is removed by the next run, although the temporary directory was emptied', async () => {
    const { file, workDir, endJob } = await runInJob();
    await endJob();
    emptyTemporary();
    expect([existsSync(file), existsSync(workDir)]).toEqual([true, true]);
    await nextRun();
    expect([existsSync(file), existsSync(workDir)]).toEqual([false, false]);
    expect(said[0]).toMatch(/^removing what run [0-9a-f]+ of \S+ left$/);
  });

  test('what a job kept is there with its kubeconfig while later steps of the job run, and not after its end', async () => {
    const { file, workDir, endJob } = await runInJob({ kept: 'keep: always' });
    writeFileSync(path.join(workDir, 'kubeconfig'), 'kind: Config\n');
    await nextRun();
    expect(readFileSync(path.join(workDir, 'kubeconfig'), 'utf8')).toBe('kind: Config\n');
    await endJob();
    emptyTemporary();
    expect(existsSync(path.join(workDir, 'kubeconfig'))).toBe(true);
    await nextRun();
    expect([existsSync(file), existsSync(workDir)]).toEqual([false, false]);
    expect(said[0]).toMatch(/left \(kept: keep: always\)$/);
  });

  test('what a job kept is left once its post step records that the job is over', async () => {
    const { file } = await runInJob({ kept: 'keep: failure' });
    const record = RunRecord.open(file);
    expect(record.isLeftover).toBe(false);
    record.endJob();
    expect(RunRecord.open(file).isLeftover).toBe(true);
  });

  test('a run that continues is not touched, and neither is a cluster in use', async () => {
    const begun = beginRun(selfHosted());
    if (!begun.ok) throw new Error(begun.failure.reason);
    const { file, endJob } = await runInJob({ kept: 'keep: always' });
    await endJob();
    const used = RunRecord.open(file);
    expect(used.occupy()).toBeUndefined();
    await nextRun();
    expect([existsSync(file), existsSync(begun.value.record.file), existsSync(begun.value.workDir)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(said).toEqual([]);
    used.release();
  });

  test('what a person keeps by the command line is never removed by a run', async () => {
    const { GITHUB_ACTIONS: _, ...laptop } = selfHosted();
    const { file, endJob } = await runInJob({ kept: 'up', env: laptop });
    await endJob();
    await nextRun();
    expect(existsSync(file)).toBe(true);
  });

  test('two runs that start at the same time remove leftovers once', async () => {
    const { file, endJob } = await runInJob();
    await endJob();
    await Promise.all([nextRun(), nextRun(), nextRun()]);
    expect(existsSync(file)).toBe(false);
    expect(said.filter((line) => line.startsWith('removing'))).toHaveLength(1);
  });
});

describe('the place of records', () => {
  test('outlives the job wherever the machine does, in jobs in containers too', () => {
    const tools = '/__t';
    expect(recordDirectory({ ...selfHosted(), RUNNER_ENVIRONMENT: 'github-hosted' })).toBe(
      `${temporary}/k8s-test-action`,
    );
    expect(records()).toBe(`${home}/.local/state/k8s-test-action`);
    expect(recordDirectory({ ...selfHosted(), HOME: '/github/home', RUNNER_TOOL_CACHE: tools })).toBe(
      '/__t/k8s-test-action',
    );
    expect(recordDirectory({ HOME: home, XDG_STATE_HOME: '/state' })).toBe('/state/k8s-test-action');
  });
});

test('a process that has ended is dead although its parent never asks how, as the first process of a job container does not', async () => {
  // Python forks a child that exits, and never waits for it. A shell would do so whenever it sees SIGCHLD.
  const program = 'import os, time\npid = os.fork()\nif pid == 0: os._exit(0)\nprint(pid, flush=True)\ntime.sleep(60)';
  const parent = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(parent);
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /);
  expect(judgeLife({ ...identifySelf(), pid, startTicks: '' })).toBe('dead');
});

describe('a process of which this machine cannot know', () => {
  const self = identifySelf();
  const space = self.space ?? { bootId: '', pidNamespace: '', host: '' };

  test.runIf(self.space !== undefined)('in another container counts as living, and is not judged by its number', () => {
    const elsewhere = { ...self, pid: 999_999_999, space: { ...space, pidNamespace: 'pid:[1]' } };
    expect(judgeLife(elsewhere)).toBe('unknown');
    expect(judgeLife({ ...elsewhere, space })).toBe('dead');
  });

  test.runIf(self.space !== undefined)(
    'from before a restart is dead, and on another machine that shares the home is not',
    () => {
      expect(judgeLife({ ...self, space: { ...space, bootId: 'before' } })).toBe('dead');
      expect(judgeLife({ ...self, space: { ...space, bootId: 'other', host: 'other' } })).toBe('unknown');
    },
  );

  test.runIf(self.space !== undefined)('holds its cluster for a day and no longer', () => {
    const record = RunRecord.begin(path.join(home, 'records'), 'abcd', { isInWorkflow: true });
    const foreign = { ...space, pidNamespace: 'pid:[1]' };
    const write = (startedAt: Date) => {
      const content = { ...record.content, space: foreign, startedAt: startedAt.toISOString() };
      writeFileSync(record.file, JSON.stringify(content));
      return RunRecord.open(record.file).isLeftover;
    };
    expect(write(new Date(Date.now() - 23 * 3_600_000))).toBe(false);
    expect(write(new Date(Date.now() - 25 * 3_600_000))).toBe(true);
  });
});
