import type { ObjectMeta } from './objects.ts';

/** The release that helm made an object for, which it marks all of with this; undefined when helm did not make it. */
export function releaseOf({ metadata }: { metadata: ObjectMeta }): string | undefined {
  return metadata.annotations?.['meta.helm.sh/release-name'];
}
