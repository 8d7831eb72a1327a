import { expect, test } from 'vitest';
import { releaseOf } from '../../src/kube/release-of.ts';

test('an object belongs to the release that created it, with any other labels', () => {
  const metadata = { name: 'web', uid: 'u', labels: { release: 'other' } };
  expect(releaseOf({ metadata: { ...metadata, annotations: { 'meta.helm.sh/release-name': 'shop' } } })).toBe('shop');
  expect(releaseOf({ metadata })).toBeUndefined();
});
