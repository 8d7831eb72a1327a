import { expect, test } from 'vitest';
import { findMissing } from '../../src/cluster/send-missing-layers.ts';

// As Docker 20.10 described an image, and containerd its snapshots.
const base = 'sha256:2b4271163e409959ec654274f91e03e524314df45fe8adcd8ac3f4378e5440b2';
const upper = 'sha256:b6608f261ccc6dab4ce5617ff39e9a4cfd2e0d860e0f92d3325d9f36902bc373';
const chain = 'sha256:64f7f0c3cfd891895d242e53d7ff8eda1dcdc2d376bb0b0204944cc5da48dead';

test.each([
  ['all layers', [base, chain], []],
  ['the upper one, whose snapshot means those below it too', [chain], []],
  ['the lower one', [base], [upper]],
  ['the upper one on top of another', [upper], [base, upper]],
  ['none', [], [base, upper]],
])('a node that has %s', (_, snapshots, missing) => {
  expect(findMissing([base, upper], new Set(snapshots))).toEqual(missing);
});
