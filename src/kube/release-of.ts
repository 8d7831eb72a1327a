import type { ObjectMeta } from './objects.ts';

/** What an object must say for a release to take it for its own, though helm has not made it. */
export interface Ownership {
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** https://github.com/helm/helm/blob/v4.1.4/pkg/action/validate.go (`checkOwnership`) */
export function ownershipOf(release: string, namespace: string): Ownership {
  return {
    labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    annotations: { 'meta.helm.sh/release-name': release, 'meta.helm.sh/release-namespace': namespace },
  };
}

/** The release that helm made an object for, which it marks all of with this; undefined when helm did not make it. */
export function releaseOf({ metadata }: { metadata: ObjectMeta }): string | undefined {
  return metadata.annotations?.['meta.helm.sh/release-name'];
}
