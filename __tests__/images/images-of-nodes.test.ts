import { describe, expect, test } from 'vitest';
import { isInNode, listImagesOfNode, nameInNode } from '../../src/cluster/load-images.ts';
import { registryOf } from '../../src/cluster/registry-credentials.ts';
import { findSimilar } from '../../src/cluster/similar-images.ts';

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
  test('by its digest is the same whoever made it', () => expect(isInNode(`r:5000/x@${digest}`, '', there)).toBe(true));
  test('whose ID nobody knows is loaded', () => expect(isInNode('runner:dev', '', there)).toBe(false));
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
    expect(findSimilar(name, there)).toEqual(similar);
  });
});
