import { fail, type Result, succeed, toOneLine } from '../core/outcome.ts';
import { describeEnd, runProgram } from '../tools/run-program.ts';
import { showStep } from './show-step.ts';

export interface ImageBuild {
  /** Directory. */
  context: string;
  /** Undefined: the one that lies in the context. */
  dockerfile: string | undefined;
  /** The name that the image gets. */
  tag: string;
}

const repositoryOfOurs = 'k8s-test-build';
const evidenceLines = 40;

/** The name of the image that a run builds when the user gives it none. */
export function builtImageName(runId: string): string {
  return `${repositoryOfOurs}:${runId}`;
}

/** Whether an image is one that a run has named, and removes. */
export function isNamedByUs(image: string): boolean {
  return image.startsWith(`${repositoryOfOurs}:`);
}

/**
 * Builds an image with the docker of this machine, its builder (BuildKit, or the classic one where that is missing) and its
 * cache. It runs until the signal ends it: no build is too long by itself.
 * @returns a failure of kind `image` with the last lines of the builder.
 */
export async function buildImage(
  build: ImageBuild,
  options: { signal: AbortSignal; waitingFor: (what: string) => void; quote: (line: string) => void },
): Promise<Result<undefined>> {
  const { signal } = options;
  const lines: string[] = [];
  const file = build.dockerfile === undefined ? [] : ['--file', build.dockerfile];
  const { env, flags } = await chooseBuilder(signal);
  const run = await runProgram('docker', ['build', ...flags, '--tag', build.tag, ...file, build.context], {
    signal,
    env,
    onLine: (line) => {
      showStep('docker build', line, options);
      if (line.trim() === '') return;
      lines.push(line);
      if (lines.length > evidenceLines) lines.shift();
    },
  });
  signal.throwIfAborted();
  if (run.exitCode === 0) return succeed(undefined);
  const said = lines.findLast((line) => /error|failed|returned a non-zero code/i.test(line)) ?? lines.at(-1);
  return fail('image', `docker build of ${build.context} failed: ${said?.trim() ?? describeEnd(run)}`, {
    hint: `Try it by hand: docker build ${file.join(' ')}${file.length > 0 ? ' ' : ''}${build.context}`,
    evidence: lines,
  });
}

/** Gives an image one more name. */
export async function nameImage(image: string, name: string, signal: AbortSignal): Promise<void> {
  const run = await runProgram('docker', ['image', 'tag', image, name], { signal, timeoutSeconds: 60 });
  if (run.exitCode !== 0) throw new Error(`docker image tag: ${toOneLine(run.stderr || describeEnd(run))}`);
}

/** Takes an image's name away, and the image with it when that was its last; layers stay in docker's cache. */
export async function removeImage(name: string, signal: AbortSignal): Promise<void> {
  const run = await runProgram('docker', ['image', 'rm', '--no-prune', name], { signal, timeoutSeconds: 60 });
  if (run.exitCode !== 0 && !/no such image/i.test(run.stderr))
    throw new Error(`docker image rm: ${toOneLine(run.stderr || describeEnd(run))}`);
}

/**
 * A docker whose BuildKit is not installed refuses to build until it is told to use the classic builder; and that one
 * leaves the container of a step that failed behind, unless it is told not to.
 */
async function chooseBuilder(signal: AbortSignal): Promise<{ env: Record<string, string>; flags: string[] }> {
  const classic = { env: { DOCKER_BUILDKIT: '0' }, flags: ['--force-rm'] };
  if (process.env.DOCKER_BUILDKIT !== undefined)
    return process.env.DOCKER_BUILDKIT === '0' ? classic : { env: {}, flags: [] };
  const probe = await runProgram('docker', ['buildx', 'version'], { signal, timeoutSeconds: 30 });
  return probe.exitCode === 0 ? { env: {}, flags: [] } : classic;
}
