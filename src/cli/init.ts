/** The command `init`: the files of a first run, for the repository in the working directory. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { nameCommand } from '../core/name-command.ts';
import { listImages, renderChart } from '../platform/chart.ts';
import { provideTools } from '../tools/provide-tools.ts';
import { type FoundChart, inspectRepository } from './inspect-repository.ts';
import { planStart, type RenderedStart, type StartPlan } from './plan-start.ts';

/** What `init` did. */
export interface Start extends Pick<StartPlan, 'assumptions'> {
  written: string[];
  /** Files that were there already, and were left as they are. */
  kept: string[];
  /** Shell commands for a first run on this machine, in their order. */
  commands: string[];
}

/**
 * Inspects the repository in a directory and writes what a first run needs. No existing file is changed. To render the chart,
 * helm is downloaded unless it is here, as a run would.
 */
export async function initialize(root: string, signal: AbortSignal): Promise<Start> {
  const repository = inspectRepository(root);
  const [chart] = repository.charts;
  const rendered = chart === undefined ? undefined : await render(root, chart, signal);
  const { files, assumptions, builds } = planStart(repository, typeof rendered === 'string' ? undefined : rendered);
  if (typeof rendered === 'string')
    assumptions.push(`the chart could not be rendered, so that its images and Services are not known: ${rendered}`);
  const start: Start = { written: [], kept: [], assumptions, commands: [...builds, nameCommand('run')] };
  for (const [name, text] of Object.entries(files)) start[write(root, name, text) ? 'written' : 'kept'].push(name);
  return start;
}

/** Writes a file unless it exists. @returns whether it did. */
function write(root: string, name: string, text: string): boolean {
  const file = path.join(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  try {
    writeFileSync(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** What the chart makes under its own name as the release; why it does not render otherwise. */
async function render(root: string, chart: FoundChart, signal: AbortSignal): Promise<RenderedStart | string> {
  const directory = mkdtempSync(path.join(tmpdir(), 'k8s-test-init-'));
  const at = path.join(root, chart.directory);
  try {
    const wanted = { cluster: 'existing', chart: { kind: 'local', path: at } } as const;
    const unset = {
      kindVersion: undefined,
      helmVersion: undefined,
      toolsMirror: undefined,
      toolsChecksumsPath: undefined,
    };
    const tools = await provideTools({ ...wanted, ...unset }, { directory, signal, say: () => {} });
    if (!tools.ok) return tools.failure.reason;
    const named = { helm: tools.value.helm ?? 'helm', release: chart.name, namespace: 'floe-test', chart: at };
    const options = { title: chart.name, valuesFiles: [], set: [], workDir: directory, kubernetes: undefined };
    const made = await renderChart({ ...named, ...options }, signal);
    if (!made.ok) return made.failure.reason;
    const address = findAddress(made.value.manifests);
    return { images: listImages(made.value.manifests), ...(address === undefined ? {} : { address }) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Service {
  kind?: unknown;
  metadata?: { name?: unknown };
  spec?: { ports?: { port?: unknown; name?: unknown; protocol?: unknown }[] };
}

/** Where the first Service answers whose port looks like one of HTTP. */
function findAddress(manifests: readonly unknown[]): string | undefined {
  for (const manifest of manifests as (Service | null)[]) {
    if (manifest?.kind !== 'Service' || typeof manifest.metadata?.name !== 'string') continue;
    const port = manifest.spec?.ports?.find(
      (one) => /http|web/.test(String(one.name)) || [80, 3000, 5000, 8000, 8080].includes(Number(one.port)),
    );
    if (port === undefined) continue;
    const { name } = manifest.metadata;
    return Number(port.port) === 80 ? `http://${name}` : `http://${name}:${Number(port.port)}`;
  }
  return undefined;
}
