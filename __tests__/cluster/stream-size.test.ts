import { expect, test } from 'vitest';
import { sumLayers } from '../../src/cluster/stream-size.ts';

test('what docker will write of several images has each layer once', () => {
  const base = { layers: ['sha256:base', 'sha256:app'], layerBytes: [70, 30], sizeBytes: 100 };
  const other = { layers: ['sha256:base', 'sha256:tools'], layerBytes: [70, 5], sizeBytes: 75 };
  expect(sumLayers([base, other])).toBe(105);
  // A layer without bytes is not in the history, so that sizes and layers do not match: the image counts as a whole.
  expect(sumLayers([base, { ...other, layerBytes: [75] }])).toBe(175);
  expect(sumLayers([])).toBe(0);
});
