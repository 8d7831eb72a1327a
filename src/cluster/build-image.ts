import { fail, type Result, succeed } from '../core/outcome.ts';
import { describeProgramEnd } from '../tools/run-program.ts';
import { hasBuildFlag, hasBuildx, inspectLocalImage, removeImage, runBuild } from './docker.ts';
import { showStep } from './show-step.ts';

export interface ImageBuild {
  /** Directory. */
  context: string;
  /** Undefined: the one that is in the context. */
  dockerfile: string | undefined;
  /** The name that the image gets. */
  tag: string;
  /**
   * One more name, which no image has. It proves that docker has the image of this build, and not an older one of the same
   * name, and is removed again.
   */
  proof: string;
}

const repositoryOfOurs = 'k8s-test-build';
const evidenceLines = 40;

/** The name of the image that a run builds when the user gives it none. */
export function builtImageName(runId: string): string {
  return `${repositoryOfOurs}:${runId}`;
}

/** A name that an image of a run has while it is built. */
export function proofImageName(runId: string): string {
  return `${builtImageName(runId)}-proof`;
}

/** Whether an image is one that a run has named, and removes. */
export function isNamedByUs(image: string): boolean {
  return image.startsWith(`${repositoryOfOurs}:`);
}

/**
 * Builds an image with the docker of this machine, its builder (BuildKit, or the classic one where that is missing) and its
 * cache. It runs until the signal ends it: a build has no time limit of its own.
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
  const tags = ['--tag', build.tag, '--tag', build.proof];
  const run = await runBuild([...flags, ...tags, ...file, build.context], {
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
  if (run.exitCode === 0) return findBuilt(build, signal);
  const said = lines.findLast((line) => /error|failed|returned a non-zero code/i.test(line)) ?? lines.at(-1);
  return fail('image', `docker build of ${build.context} failed: ${said?.trim() ?? describeProgramEnd(run)}`, {
    hint: `Try it by hand: docker build ${file.join(' ')}${file.length > 0 ? ' ' : ''}${build.context}`,
    evidence: lines,
  });
}

/** A build may succeed and leave its image where docker does not have it; then it could not be loaded into nodes. */
async function findBuilt({ context, tag, proof }: ImageBuild, signal: AbortSignal): Promise<Result<undefined>> {
  const [ours, proven] = [await inspectLocalImage(tag, signal), await inspectLocalImage(proof, signal)];
  signal.throwIfAborted();
  if (proven !== undefined) {
    await removeImage(proof, signal);
    if (ours?.id === proven.id) return succeed(undefined);
  }
  const builder = process.env.BUILDX_BUILDER;
  const by = builder === undefined ? 'its builder' : `builder ${builder} (BUILDX_BUILDER)`;
  return fail('image', `docker build of ${context} succeeded, but docker does not have ${tag}: ${by} kept the image`, {
    hint: 'Let docker build with its own builder: unset BUILDX_BUILDER, or run "docker buildx use default" before.',
  });
}

/**
 * A docker whose BuildKit is not installed refuses to build until it is configured to use the classic builder, which leaves the
 * containers of a failed build. A builder of buildx that is not docker's own (BUILDX_BUILDER, or `docker buildx install`) does
 * not load what it builds into docker unless `--load` is given.
 */
async function chooseBuilder(signal: AbortSignal): Promise<{ env: Record<string, string>; flags: string[] }> {
  const classic = { env: { DOCKER_BUILDKIT: '0' }, flags: ['--force-rm'] };
  const wanted = process.env.DOCKER_BUILDKIT;
  if (wanted === '0' || (wanted === undefined && !(await hasBuildx(signal)))) return classic;
  return { env: {}, flags: (await hasBuildFlag('--load', {}, signal)) ? ['--load'] : [] };
}
