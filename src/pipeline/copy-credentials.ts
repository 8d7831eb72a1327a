import { placePullSecret, spellingsOf } from '../cluster/pull-secret.ts';
import { readCredentials, registryOf } from '../cluster/registry-credentials.ts';
import { type Result, succeed } from '../core/outcome.ts';
import type { RegistryMirror } from '../inputs/value-syntax.ts';
import { runLabel } from '../job/build-job.ts';
import type { OpenCluster } from './progress.ts';
import type { Run } from './run.ts';

/**
 * Copies the docker config's credentials for the registries of images that the nodes must pull, and for no others, into the
 * namespace of the run. They are masked before any use.
 * @returns whether the namespace holds any.
 */
export async function copyCredentials(
  run: Run,
  { connection, isNamespaceGiven, images }: OpenCluster,
): Promise<Result<{ hasPullSecret: boolean }>> {
  const { inputs, signal, reporter } = run;
  // The owner of a given namespace takes care of its credentials too.
  if (isNamespaceGiven) return succeed({ hasPullSecret: false });
  const wanted = listAskedRegistries(images.pulled, inputs.registryMirrors);
  const asked = [...new Set([...wanted.values()].flat())];
  if (asked.length === 0) return succeed({ hasPullSecret: false });
  const { credentials, problems } = await readCredentials(asked, { env: process.env, signal });
  for (const problem of problems) run.warn(problem);
  for (const text of credentials.flatMap(spellingsOf)) reporter.mask(text);
  const copied = [...wanted].flatMap(([registry, hosts]) => {
    const host = hosts.find((one) => credentials.some((found) => found.registry === one));
    const ofHost = credentials.filter((one) => one.registry === host);
    // Paths of a mirror are not those of the registry that it mirrors.
    return host === registry ? ofHost : ofHost.slice(0, 1).map((one) => ({ ...one, registry, path: '' }));
  });
  if (copied.length === 0) return succeed({ hasPullSecret: false });
  reporter.say(
    `pods pull with the docker config's credentials for ${copied.map((one) => `${one.registry}${one.path}`).join(', ')}`,
  );
  const labels = { [runLabel]: run.record.content.runId };
  const placed = await placePullSecret(connection, copied, { namespace: inputs.namespace, labels, signal });
  return placed.ok ? succeed({ hasPullSecret: true }) : placed;
}

/**
 * For the registry of each image: where the nodes pull it from, the registry itself or its mirrors. A mirror gets its own
 * credentials and never those of the registry that it mirrors. Pure.
 */
export function listAskedRegistries(images: readonly string[], mirrors: RegistryMirror[]): Map<string, string[]> {
  const asked = new Map<string, string[]>();
  for (const registry of images.map(registryOf)) {
    const own = mirrors.filter((mirror) => mirror.registry === registry);
    const instead = own.length > 0 ? own : mirrors.filter((mirror) => mirror.registry === '*');
    asked.set(registry, instead.length > 0 ? instead.map(({ address }) => new URL(address).host) : [registry]);
  }
  return asked;
}
