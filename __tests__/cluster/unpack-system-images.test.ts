import { expect, test } from 'vitest';
import { listImagesOfNode } from '../../src/cluster/images-of-nodes.ts';
import { orderSystemImages } from '../../src/cluster/unpack-system-images.ts';

// As containerd 1.6.20 printed it in a node with images of its user beside those of Kubernetes.
const images = listImagesOfNode(`REF TYPE DIGEST SIZE PLATFORMS LABELS
docker.io/kindest/kindnetd:v20250214-acbabc1a application/vnd.docker.distribution.manifest.v2+json sha256:def0 5 MiB linux/amd64 -
docker.io/kindest/local-path-provisioner:v20250214-acbabc1a application/vnd.docker.distribution.manifest.v2+json sha256:4344 5 MiB linux/amd64 -
docker.io/library/bench-scale-0:1 application/vnd.docker.distribution.manifest.v2+json sha256:4395 5 MiB linux/amd64 -
registry.k8s.io/coredns/coredns:v1.12.1 application/vnd.docker.distribution.manifest.v2+json sha256:42b7 5 MiB linux/amd64 -
registry.k8s.io/etcd:3.6.5-0 application/vnd.docker.distribution.manifest.v2+json sha256:7a5c 5 MiB linux/amd64 -
registry.k8s.io/kube-apiserver:v1.34.4 application/vnd.docker.distribution.manifest.v2+json sha256:2fd5 5 MiB linux/amd64 -
registry.k8s.io/kube-proxy:v1.34.4 application/vnd.docker.distribution.manifest.v2+json sha256:2da8 5 MiB linux/amd64 -
registry.k8s.io/pause:3.10.1 application/vnd.docker.distribution.manifest.v2+json sha256:c3cc 5 MiB linux/amd64 -
sha256:0937 application/vnd.docker.distribution.manifest.v2+json sha256:2fd5 5 MiB linux/amd64 -
`);

test('a control plane needs its own images first', () => {
  expect(orderSystemImages(images, 'control-plane')).toEqual(
    ['c3cc', '7a5c', '2fd5', 'def0', '2da8', '42b7', '4344'].map((digest) => `sha256:${digest}`),
  );
});

test('a worker does without those of the control plane', () => {
  expect(orderSystemImages(images, 'worker')).toEqual(
    ['c3cc', 'def0', '2da8', '42b7', '4344'].map((digest) => `sha256:${digest}`),
  );
});

test('an image with two names, as those of a released node image, is unpacked once', () => {
  const named = new Map([
    ['registry.k8s.io/kube-proxy-amd64:v1.34.0', 'sha256:1'],
    ['registry.k8s.io/kube-proxy:v1.34.0', 'sha256:1'],
  ]);
  expect(orderSystemImages(named, 'worker')).toEqual(['sha256:1']);
});

test('a node without them has nothing to unpack', () => expect(orderSystemImages(new Map(), 'worker')).toEqual([]));
