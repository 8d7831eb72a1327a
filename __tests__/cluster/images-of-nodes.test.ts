import { describe, expect, test } from 'vitest';
import { isInNode, listImagesOfNode, nameInNode } from '../../src/cluster/images-of-nodes.ts';
import { findSnapshotter, isForPlatform } from '../../src/cluster/load-images.ts';
import { registryOf } from '../../src/cluster/registry-credentials.ts';
import { findSimilarImages } from '../../src/cluster/similar-images.ts';

const digest = `sha256:${'a'.repeat(64)}`;

test.each([
  ['runner:dev', 'docker.io/library/runner:dev', 'docker.io'],
  ['runner', 'docker.io/library/runner:latest', 'docker.io'],
  ['floe/runner:1', 'docker.io/floe/runner:1', 'docker.io'],
  ['index.docker.io/floe/runner:1', 'docker.io/floe/runner:1', 'docker.io'],
  ['ghcr.io/floe/runner', 'ghcr.io/floe/runner:latest', 'ghcr.io'],
  ['localhost/runner', 'localhost/runner:latest', 'localhost'],
  ['10.0.0.5:5000/runner', '10.0.0.5:5000/runner:latest', '10.0.0.5:5000'],
  [`runner@${digest}`, `docker.io/library/runner@${digest}`, 'docker.io'],
  [`r:5000/runner:1@${digest}`, `r:5000/runner@${digest}`, 'r:5000'],
])('%s is %s in a node, of the registry %s', (name, inNode, registry) => {
  expect(nameInNode(name)).toBe(inNode);
  expect(registryOf(name)).toBe(registry);
});

describe('an image that a node has', () => {
  // As containerd 1.6.20 printed it.
  const there = listImagesOfNode(
    [
      'REF TYPE DIGEST SIZE PLATFORMS LABELS',
      'docker.io/library/runner:dev application/vnd.docker.distribution.manifest.v2+json sha256:958f 226.4 MiB linux/amd64 io.cri-containerd.image=managed',
      'sha256:7378 application/vnd.docker.distribution.manifest.v2+json sha256:958f 226.4 MiB linux/amd64 io.cri-containerd.image=managed',
      `r:5000/x@${digest} application/vnd.oci.image.index.v1+json sha256:7071 71.7 MiB linux/amd64 io.cri-containerd.image=managed`,
      '',
    ].join('\n'),
  );
  test('is known by name and ID', () => expect(isInNode('runner:dev', 'sha256:7378', there)).toBe(true));
  test('under another build is another', () => expect(isInNode('runner:dev', 'sha256:9999', there)).toBe(false));
  test('under another tag is another', () => expect(isInNode('runner:1', 'sha256:7378', there)).toBe(false));
  test('by its digest is the same on any node', () => expect(isInNode(`r:5000/x@${digest}`, '', there)).toBe(true));
  test('with an unknown ID is loaded', () => expect(isInNode('runner:dev', '', there)).toBe(false));
});

describe('the snapshotter that an import unpacks with', () => {
  // Of `containerd config dump`: what of it could be taken for the setting.
  const of16 = `
disabled_plugins = []
version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.6"
    [plugins."io.containerd.grpc.v1.cri".containerd]
      default_runtime_name = "runc"
      snapshotter = "native"
      [plugins."io.containerd.grpc.v1.cri".containerd.default_runtime]
        base_runtime_spec = ""
  [plugins."io.containerd.snapshotter.v1.overlayfs"]
    root_path = ""
`;
  const of21 = `
version = 3

[plugins]
  [plugins.'io.containerd.cri.v1.images']
    snapshotter = 'fuse-overlayfs'
    disable_snapshot_annotations = true
    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10.1'
  [plugins.'io.containerd.cri.v1.runtime']
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes]
        [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
          snapshotter = ''
`;
  test.each([
    ['containerd 1.6', of16, 'native'],
    ['containerd 2.1', of21, 'fuse-overlayfs'],
    ['a config that names none', 'version = 3\n', undefined],
    ['one of a runtime alone', of21.replace("snapshotter = 'fuse-overlayfs'", ''), undefined],
  ])('of %s is the one that pods get', (_, config, snapshotter) => {
    expect(findSnapshotter(config)).toBe(snapshotter);
  });
});

test.each([
  ['linux/amd64', 'linux/amd64', true],
  ['linux/arm64', 'linux/arm64', true],
  ['linux/arm64/v8', 'linux/arm64', true],
  ['linux/arm64', 'linux/amd64', false],
  ['windows/amd64', 'linux/amd64', false],
  // `docker import` and archives made by hand may have no metadata.
  ['linux/', 'linux/amd64', true],
])('an image for %s on nodes of %s: may be loaded: %s', (image, node, may) => {
  expect(isForPlatform(image, node)).toBe(may);
});

describe('what may have been meant', () => {
  const there = [
    'floe-runner:dev',
    'floe-runner:1.0',
    'ghcr.io/floe/other:1',
    'ghcr.io/floe/floe-runner:2',
    'postgres:15',
  ];
  test.each([
    [
      'another tag, then the same name elsewhere',
      'floe-runner:latest',
      ['floe-runner:dev', 'floe-runner:1.0', 'ghcr.io/floe/floe-runner:2'],
    ],
    ['a name without its registry', 'ghcr.io/floe/postgres:15', ['postgres:15']],
    ['a slip of the finger', 'postgers:15', ['postgres:15']],
    ['nothing alike', 'redis:7', []],
    ['a short name is like no other short name', 'pg:15', []],
  ])('%s', (_, name, similar) => {
    expect(findSimilarImages(name, there)).toEqual(similar);
  });
});
