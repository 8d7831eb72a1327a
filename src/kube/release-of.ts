import type { ObjectMeta } from './objects.ts';

/** Labels and annotations by which a release adopts an object that helm has not created. */
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
