import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { nodeResultsPath, renderKindConfig } from '../../src/cluster/kind-config.ts';
import { readUserKindConfig } from '../../src/inputs/user-kind-config.ts';

const options = { userConfig: undefined, nodes: 1, resultsHostPath: '/home/me/results' };
const mount = { hostPath: '/home/me/results', containerPath: nodeResultsPath };
const render = (some: Partial<Parameters<typeof renderKindConfig>[0]>) =>
  load(renderKindConfig({ ...options, ...some }));

const quickController = expect.stringContaining('kube-api-qps');
const ourPatches = [quickController, quickController];

test('one node is a control plane, more are workers, and each mounts the results', () => {
  expect(render({ nodes: 3 })).toEqual({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    kubeadmConfigPatches: ourPatches,
    nodes: [
      { role: 'control-plane', extraMounts: [mount] },
      { role: 'worker', extraMounts: [mount] },
      { role: 'worker', extraMounts: [mount] },
    ],
  });
});

describe("a user's own config", () => {
  const own = (text: string) => `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n${text}`;
  const readOwn = (text: string) => readUserKindConfig(own(text));

  test('is merged and never replaced; only its name is removed, since that must be unique', () => {
    const userConfig = readOwn(
      'name: mine\nnetworking: {disableDefaultCNI: true}\nnodes:\n- role: control-plane\n  extraPortMappings: [{containerPort: 80, hostPort: 8080}]\n  extraMounts: [{hostPath: /data, containerPath: /data}]\n',
    );
    expect(render({ userConfig })).toEqual({
      kind: 'Cluster',
      apiVersion: 'kind.x-k8s.io/v1alpha4',
      kubeadmConfigPatches: ourPatches,
      networking: { disableDefaultCNI: true },
      nodes: [
        {
          role: 'control-plane',
          extraPortMappings: [{ containerPort: 80, hostPort: 8080 }],
          extraMounts: [{ hostPath: '/data', containerPath: '/data' }, mount],
        },
      ],
    });
  });

  test('has the last word on what kubeadm is given', () => {
    const text = 'kubeadmConfigPatches:\n- "kind: ClusterConfiguration\\n"\n';
    const patch = 'kind: ClusterConfiguration\n';
    expect(render({ userConfig: readOwn(text) })).toMatchObject({ kubeadmConfigPatches: [...ourPatches, patch] });
    expect(render({ userConfig: readOwn('kubeadmConfigPatches: {a: 1}\n') })).toMatchObject({
      kubeadmConfigPatches: { a: 1 },
    });
  });

  test('without nodes gets those of the tier', () => {
    const config = render({ userConfig: readOwn('featureGates: {A: true}\n'), nodes: 2 });
    expect(config).toMatchObject({ featureGates: { A: true }, nodes: [{ role: 'control-plane' }, { role: 'worker' }] });
  });

  test.each([
    ['a list', '- a\n', /not a mapping/],
    ['another kind', 'kind: Config\n', /does not say "kind: Cluster"/],
    ['nodes that are none', own('nodes: three\n'), /nodes are not a list/],
    ['mounts that are none', own('nodes: [{extraMounts: all}]\n'), /extraMounts of a node are not a list/],
  ])('that is %s is refused in plain words', (_, text, message) => {
    expect(() => readUserKindConfig(text)).toThrow(message);
  });
});
