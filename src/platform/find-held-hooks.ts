import { splitWords } from '../diagnose/classify-held-hook.ts';
import type { HeldHook } from '../diagnose/namespace-facts.ts';

interface Manifest {
  kind?: string;
  metadata?: { name?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: { template?: { spec?: PodSpec } } & PodSpec;
}

interface PodSpec {
  containers?: { name?: string }[];
  volumes?: { persistentVolumeClaim?: { claimName?: string } }[];
}

/** Words that carry no information on what a hook does. */
const emptyWords: ReadonlySet<string> = new Set(
  'after apply before check chart container create database hooks install ready release runner script service setup startup tests upgrade'.split(
    ' ',
  ),
);
/** Whose names init containers wait for as well, by the network. */
const answeringKinds: ReadonlySet<string> = new Set(['Service', 'Deployment', 'StatefulSet', 'DaemonSet']);

/** Labels that name the chart or the release, which all its objects have. */
const commonLabels = ['app.kubernetes.io/part-of', 'app.kubernetes.io/instance', 'helm.sh/chart', 'chart', 'release'];

/**
 * The hooks of a chart's manifests that `helm --wait` makes only when all else is ready, and that run something. Pure.
 * @param verb with which helm is called.
 */
export function findHeldHooks(manifests: unknown[], release: string, verb: 'install' | 'upgrade'): HeldHook[] {
  const all = manifests as (Manifest | null | undefined)[];
  const taken = new Set(splitWords(release));
  for (const manifest of all)
    if (answeringKinds.has(manifest?.kind ?? ''))
      for (const word of splitWords(manifest?.metadata?.name ?? '')) taken.add(word);
  return all.flatMap((manifest) => {
    const { kind = '', metadata, spec } = manifest ?? {};
    const event = `post-${verb}`;
    const events = (metadata?.annotations?.['helm.sh/hook'] ?? '').split(',').map((one) => one.trim());
    const pod = kind === 'Job' ? spec?.template?.spec : kind === 'Pod' ? spec : undefined;
    if (pod === undefined || !events.includes(event)) return [];
    const name = metadata?.name ?? '';
    const names = [name, ...(pod.containers ?? []).map((container) => container.name ?? '')];
    const common = new Set(commonLabels.flatMap((label) => splitWords(metadata?.labels?.[label] ?? '')));
    const words = names
      .flatMap(splitWords)
      .filter((word) => !taken.has(word) && !common.has(word) && !emptyWords.has(word));
    const claims = (pod.volumes ?? []).flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? []);
    return [{ title: `${event} hook ${kind} ${name}`, name, words: [...new Set(words)], claims }];
  });
}
