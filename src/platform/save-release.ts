import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { toOneLine } from '../outcome.ts';
import { runProgram } from '../tools/run-program.ts';
import { type Chart, helmEnvironment } from './chart.ts';

/**
 * Writes what helm says of a release, `helm-status.txt` and `helm-manifest.yaml`, into a directory. Values of Secrets are
 * taken out.
 * @returns what could not be had, a line each.
 */
export async function saveRelease(
  chart: Chart,
  kubeconfigPath: string,
  directory: string,
  signal: AbortSignal,
): Promise<string[]> {
  const ask = async (what: string[], file: string, edit: (text: string) => string): Promise<string> => {
    const args = [...what, chart.release, '--namespace', chart.namespace, '--kubeconfig', kubeconfigPath];
    const run = await runProgram(chart.helm, args, { signal, timeoutSeconds: 30, env: helmEnvironment });
    if (run.exitCode !== 0) return toOneLine(`helm ${what.join(' ')}: ${run.stderr}`, 200);
    await writeFile(path.join(directory, file), edit(run.stdout));
    return '';
  };
  const troubles = await Promise.all([
    ask(['status'], 'helm-status.txt', (text) => text),
    ask(['get', 'manifest'], 'helm-manifest.yaml', redactSecrets),
  ]);
  return troubles.filter((trouble) => trouble !== '');
}

/** The documents of a manifest, with `***` for every value of a Secret. */
export function redactSecrets(manifest: string): string {
  return loadAll(manifest)
    .filter((document) => document !== null && document !== undefined)
    .map((document) => dump(redact(document), { noRefs: true, lineWidth: -1 }))
    .join('---\n');
}

function redact(document: unknown): unknown {
  if (typeof document !== 'object' || document === null || !('kind' in document)) return document;
  if (document.kind === 'List' && 'items' in document && Array.isArray(document.items))
    return { ...document, items: document.items.map(redact) };
  if (document.kind !== 'Secret') return document;
  const hide = (values: unknown) =>
    typeof values === 'object' && values !== null
      ? Object.fromEntries(Object.keys(values).map((key) => [key, '***']))
      : values;
  const secret = document as { data?: unknown; stringData?: unknown };
  return {
    ...secret,
    ...('data' in secret ? { data: hide(secret.data) } : {}),
    ...('stringData' in secret ? { stringData: hide(secret.stringData) } : {}),
  };
}
