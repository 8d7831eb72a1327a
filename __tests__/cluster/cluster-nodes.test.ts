import { expect, test } from 'vitest';
import { chooseNodes } from '../../src/cluster/load-images.ts';
import { tolerateTaints } from '../../src/platform/chart.ts';

const three = [
  { name: 'c', role: 'control-plane' },
  { name: 'w1', role: 'worker' },
  { name: 'w2', role: 'worker' },
];

test('images go to the nodes that take pods: the workers, where there are any', () => {
  expect(chooseNodes(three, false)).toEqual(['w1', 'w2']);
  expect(chooseNodes([three[0]!], false)).toEqual(['c']);
});

test('and to the control plane too, where a pod may run there', () => {
  expect(chooseNodes(three, true)).toEqual(['c', 'w1', 'w2']);
});

test('a pod that tolerates a taint, wherever in the manifests, may run there', () => {
  const daemonSet = (tolerations: object[]) => ({
    kind: 'DaemonSet',
    spec: { template: { spec: { containers: [{ name: 'agent' }], tolerations } } },
  });
  expect(tolerateTaints([{ kind: 'List', items: [daemonSet([{ operator: 'Exists' }])] }])).toBe(true);
  expect(tolerateTaints([daemonSet([]), { kind: 'ConfigMap', data: { tolerations: 'text' } }, null])).toBe(false);
});
