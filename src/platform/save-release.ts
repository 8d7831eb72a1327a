import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { toOneLine } from '../core/outcome.ts';
import { redactObject, redactText } from '../diagnose/redact-secrets.ts';
import { readYamlDocuments } from '../inputs/read-yaml.ts';
import { writeYaml } from '../inputs/write-yaml.ts';
import { runProgram } from '../tools/run-program.ts';
import { type Chart, helmEnvironmentFor } from './chart.ts';

/**
 * Writes helm's description of a release, `helm-status.txt` and `helm-manifest.yaml`, into a directory. Values of Secrets are
 * removed.
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
    const run = await runProgram(chart.helm, args, {
      signal,
      timeoutSeconds: 30,
      env: helmEnvironmentFor(kubeconfigPath),
    });
    if (run.exitCode !== 0) return toOneLine(`helm ${what.join(' ')}: ${run.stderr}`, 200);
    await writeFile(path.join(directory, file), edit(run.stdout));
    return '';
  };
  const problems = await Promise.all([
    ask(['status'], 'helm-status.txt', redactText),
    ask(['get', 'manifest'], 'helm-manifest.yaml', redactSecrets),
  ]);
  return problems.filter((problem) => problem !== '');
}

/** The documents of a manifest, with `***` for what looks like a secret. */
export function redactSecrets(manifest: string): string {
  return readYamlDocuments(manifest)
    .map((read) =>
      // It may be a Secret.
      read.problem !== undefined
        ? `# A document is left out because it cannot be read: ${toOneLine(read.problem, 200)}\n`
        : writeYaml(redactObject(read.value)),
    )
    .join('---\n');
}
