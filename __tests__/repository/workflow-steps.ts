/** The programs of a workflow's steps, run as GitHub's runner runs them: by bash, word for word. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';

interface Workflow {
  jobs: Record<string, { steps: { name?: string; run?: string }[] }>;
}

/** What a step printed, and the outputs that it set. */
export interface StepEnd {
  status: number | null;
  printed: string;
  outputs: Record<string, string>;
}

/** The text of the steps of a job that run something, by their names; by their text where they have none. */
export function readSteps(workflow: string, job: string): Record<string, string> {
  const file = path.resolve(import.meta.dirname, '../../.github/workflows', workflow);
  const { jobs } = load(readFileSync(file, 'utf8')) as Workflow;
  const steps = jobs[job]?.steps ?? [];
  return Object.fromEntries(steps.flatMap(({ name, run }) => (run === undefined ? [] : [[name ?? run, run]])));
}

/** @param text of the step, which bash reads as the runner starts it where no `shell` is named. */
export async function runStep(text: string | undefined, cwd: string, env: Record<string, string>): Promise<StepEnd> {
  if (text === undefined) throw new Error('the workflow has no such step');
  const outputFile = path.join(tmpdir(), `step-output-${process.pid}`);
  writeFileSync(outputFile, '');
  const child = spawn('bash', ['-e', '-c', text], {
    cwd,
    env: { ...process.env, GITHUB_OUTPUT: outputFile, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => {
      printed += more;
    });
  const [status] = (await once(child, 'close')) as [number | null];
  const lines = readFileSync(outputFile, 'utf8').split('\n').filter(Boolean);
  const outputs = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  return { status, printed, outputs };
}
