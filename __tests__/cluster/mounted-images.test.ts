import { expect, test } from 'vitest';
import { joinMounts, listMounts, planMount } from '../../src/cluster/mounted-images.ts';

// As Docker 20.10 described two images of which the second is made of the first; the chains are those of its own layerdb.
const base = 'sha256:2b4271163e409959ec654274f91e03e524314df45fe8adcd8ac3f4378e5440b2';
const upper = 'sha256:b6608f261ccc6dab4ce5617ff39e9a4cfd2e0d860e0f92d3325d9f36902bc373';
const chain = 'sha256:64f7f0c3cfd891895d242e53d7ff8eda1dcdc2d376bb0b0204944cc5da48dead';
const below = '6064850dc2f71c26a47c356cdbdaa52643993f957062ee160ad9a05980bbf9c6';
const above = 'f6da34b1c92ac75a31aa4840f763c61635bf06daa6c7dd40e8e1f2653068baf0';
const directory = (name: string, root = '/var/lib/docker') => `${root}/overlay2/${name}/diff`;
const idOfBase = 'sha256:878be6a93d64a91a2598e1ba35c0c24e9175b8288677f167e47fc8813e45fd64';
const postgres = {
  id: 'sha256:9fefa2cd1adfcc4fdb8ff2eb224bb5afedcf23d324a36c9cb617b5d05e848a51',
  platform: 'linux/amd64',
  diffIds: [base, upper],
  directories: [directory(below), directory(above)],
};

test('layers are called as containerd calls the snapshots of an image, the lowest first', () => {
  const { layers } = planMount('postgres:15', postgres) ?? {};
  expect(layers).toEqual([
    { chainId: base, parent: '', directory: directory(below) },
    { chainId: chain, parent: base, directory: directory(above) },
  ]);
});

test('nodes mount what images share once, and all of it read-only', () => {
  const two = [
    planMount('postgres:15', postgres),
    planMount('base:1', { ...postgres, id: idOfBase, diffIds: [base], directories: [directory(below)] }),
  ].filter((image) => image !== undefined);
  expect(two).toHaveLength(2);
  const { mounts } = joinMounts(two);
  expect(mounts.map(({ hostPath }) => hostPath).sort()).toEqual([
    ...[idOfBase, postgres.id].map((id) => `/var/lib/docker/image/overlay2/imagedb/content/sha256/${id.slice(7)}`),
    directory(below),
    directory(above),
  ]);
  expect(mounts.every(({ readOnly }) => readOnly === true)).toBe(true);
});

test('docker may have its files anywhere that a mount can name', () => {
  const root = '/mnt/data-1/docker.d';
  const moved = planMount('moved:1', { ...postgres, directories: [directory(below, root), directory(above, root)] });
  expect(moved && listMounts(moved).map(({ hostPath }) => hostPath)[0]).toBe(directory(below, root));
});

test.each([
  ['another storage driver keeps the layers', { directories: [] }],
  ['a layer has no directory', { directories: [directory(above)] }],
  ['directories are of different roots', { directories: [directory(below), directory(above, '/other')] }],
  ['the path is no path of a layer', { directories: [directory(below), '/etc'] }],
  [
    'the path has a character that a mount gives a meaning',
    { directories: [directory(below, '/a,b'), directory(above, '/a,b')] },
  ],
  ['the path leads upwards', { directories: [directory(below, '/a/../b'), directory(above, '/a/../b')] }],
  ['a digest is none', { diffIds: [base, 'sha256:$(reboot)'] }],
  ['the ID is none', { id: 'latest' }],
])('an image is loaded where %s', (_, change) => {
  expect(planMount('postgres:15', { ...postgres, ...change })).toBeUndefined();
});
