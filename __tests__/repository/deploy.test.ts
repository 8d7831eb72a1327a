import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { expect, test } from 'vitest';
import { describePermission, type Rule, rulesFor } from '../../src/kube/access-review.ts';
import type { ApiKind } from '../../src/kube/api-kinds.ts';
import { pickLeftovers } from '../../src/kube/own-namespace.ts';
import { planPermissions } from '../../src/pipeline/plan-permissions.ts';
import { listManifests } from '../../src/platform/chart-permissions.ts';

/** The chart as an existing cluster gets it by default. */
const production = loadAll(
  execFileSync('helm', [
    'template',
    'floe-test',
    'charts/floe-platform',
    '--values=charts/floe-platform/profiles/production.yaml',
    '--values=examples/floe/deploy/values.yaml',
    '--values=examples/floe/deploy/production.yaml',
    '--set=testAccess.enabled=true',
  ]).toString(),
);

/** As Kubernetes pluralises kinds. */
const kinds: ApiKind[] = listManifests(production).map(({ apiVersion, kind }) => ({
  apiVersion,
  kind,
  resource: `${kind.toLowerCase()}s`.replace(/ys$/, 'ies').replace(/sss$/, 'sses'),
  isNamespaced: true,
}));

const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'tests' } };
const jobKind = { apiVersion: 'batch/v1', kind: 'Job', resource: 'jobs', isNamespaced: true };

test.each([
  ['deploy/own-namespace.yaml', false],
  ['deploy/given-namespace.yaml', true],
])('%s grants all that a run with the bundled chart asks for', (file, isGiven) => {
  const needed = planPermissions({
    namespace: 'n',
    isGiven,
    chart: production,
    ownJob: [job],
    secrets: { tests: true, registries: !isGiven },
    mayResume: true,
    kinds: [...kinds, jobKind],
  });
  const [role] = loadAll(readFileSync(file, 'utf8')) as { rules: Rule[] }[];
  const isGranted = ({ group, resource, verb }: { group: string; resource: string; verb: string }) =>
    role!.rules.some(
      ({ apiGroups, resources, verbs }) =>
        apiGroups.includes(group) && resources.includes(resource) && verbs.includes(verb),
    );
  expect(needed.filter((one) => !isGranted(one)).map(describePermission)).toEqual([]);
  // And of what it grants, nothing that none of it is about; to see the namespace itself helps, and no run insists.
  const asked = new Set(needed.map(({ group, resource }) => `${group}/${resource}`));
  const granted = role!.rules.flatMap(({ apiGroups, resources }) => resources.map((one) => `${apiGroups[0]}/${one}`));
  expect(granted.filter((one) => !asked.has(one) && one !== '/namespaces')).toEqual([]);
});

test('what a Role of the chart grants must be ours to give', () => {
  const rules = [{ apiGroups: ['batch'], resources: ['cronjobs'], verbs: ['get'], resourceNames: ['a'] }];
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'r' }, rules };
  const kind = { apiVersion: role.apiVersion, kind: 'Role', resource: 'roles', isNamespaced: true };
  const needed = planPermissions({
    namespace: 'n',
    isGiven: true,
    chart: [{ kind: 'List', apiVersion: 'v1', items: [role] }, null],
    ownJob: [],
    secrets: { tests: false, registries: false },
    mayResume: false,
    kinds: [kind],
  });
  expect(needed.map(describePermission)).toContain('get cronjobs.batch a');
  expect(rulesFor(needed)).toContainEqual(rules[0]);
});

test('only what carries our marks, and whose time is over, is a leftover', () => {
  const namespace = (name: string, more: object = {}, after = '2026-01-01T00:00:00Z') => ({
    metadata: {
      name,
      uid: name,
      labels: { 'app.kubernetes.io/managed-by': 'k8s-test-action', run: 'abc', ...more },
      annotations: { 'k8s-test-action/reap-after': after },
    },
  });
  const all = [
    namespace('dead'),
    namespace('alive', {}, '2026-01-03T00:00:00Z'),
    namespace('theirs', { 'app.kubernetes.io/managed-by': 'Helm' }),
    namespace('timeless', {}, 'soon'),
    { ...namespace('going'), status: { phase: 'Terminating' } },
    { metadata: { name: 'plain', uid: 'plain' } },
  ];
  expect(pickLeftovers(all, 'run', new Date('2026-01-02T00:00:00Z')).map(({ name }) => name)).toEqual(['dead']);
});
