import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { nodeResultsPath, renderKindConfig } from '../src/cluster/kind-config.ts';

const options = { userConfig: undefined, nodes: 1, resultsHostPath: '/home/me/results' };
const mount = { hostPath: '/home/me/results', containerPath: nodeResultsPath };
const render = (some: Partial<Parameters<typeof renderKindConfig>[0]>) => {
  const { yaml, nodes } = renderKindConfig({ ...options, ...some });
  return { config: load(yaml), nodes };
};

test('one node is a control plane, more are workers, and each mounts the results', () => {
  expect(render({ nodes: 3 })).toEqual({
    nodes: 3,
    config: {
      kind: 'Cluster',
      apiVersion: 'kind.x-k8s.io/v1alpha4',
      nodes: [
        { role: 'control-plane', extraMounts: [mount] },
        { role: 'worker', extraMounts: [mount] },
        { role: 'worker', extraMounts: [mount] },
      ],
    },
  });
});

describe("a user's own config", () => {
  const own = (text: string) => `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n${text}`;

  test('is merged and never replaced; only its name goes, since that must be unique', () => {
    const userConfig = own(
      'name: mine\nnetworking: {disableDefaultCNI: true}\nnodes:\n- role: control-plane\n  extraPortMappings: [{containerPort: 80, hostPort: 8080}]\n  extraMounts: [{hostPath: /data, containerPath: /data}]\n',
    );
    expect(render({ userConfig })).toEqual({
      nodes: 1,
      config: {
        kind: 'Cluster',
        apiVersion: 'kind.x-k8s.io/v1alpha4',
        networking: { disableDefaultCNI: true },
        nodes: [
          {
            role: 'control-plane',
            extraPortMappings: [{ containerPort: 80, hostPort: 8080 }],
            extraMounts: [{ hostPath: '/data', containerPath: '/data' }, mount],
          },
        ],
      },
    });
  });

  test('without nodes gets those of the tier', () => {
    expect(render({ userConfig: own('featureGates: {A: true}\n'), nodes: 2 }).nodes).toBe(2);
  });

  test.each([
    ['a list', '- a\n', /not a mapping/],
    ['another kind', 'kind: Config\n', /does not say "kind: Cluster"/],
    ['nodes that are none', own('nodes: three\n'), /nodes are not a list/],
    ['mounts that are none', own('nodes: [{extraMounts: all}]\n'), /extraMounts of a node are not a list/],
  ])('that is %s is refused in plain words', (_, userConfig, message) => {
    expect(() => render({ userConfig })).toThrow(message);
  });
});
