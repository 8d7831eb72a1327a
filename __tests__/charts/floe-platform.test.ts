import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadAll } from 'js-yaml';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);
const repository = join(import.meta.dirname, '..', '..');
const chart = join(repository, 'charts/floe-platform');
const profiles = readdirSync(join(chart, 'profiles')).map((file) => file.replace(/\.yaml$/, ''));

interface Quantities {
  cpu: string;
  memory: string;
}
interface Container {
  name: string;
  image: string;
  imagePullPolicy: string;
  resources: { requests: Quantities; limits: Quantities };
  securityContext: Record<string, unknown>;
  livenessProbe?: object;
}
interface PodSpec {
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
  imagePullSecrets?: { name: string }[];
  securityContext: Record<string, unknown>;
  initContainers?: Container[];
  containers: Container[];
}
interface Manifest {
  kind: string;
  metadata: { name: string; labels: Record<string, string> };
  spec: {
    template: { metadata: { labels: Record<string, string> }; spec: PodSpec };
    selector: Record<string, string>;
    ports: { port: number }[];
  };
  data: { password?: string };
}

/** The arguments that every call shares: a profile, the example's values, and a current Kubernetes. */
function listArguments(profile: string, ...more: string[]): string[] {
  const values = [
    '-f',
    join(chart, 'profiles', `${profile}.yaml`),
    '-f',
    join(repository, 'examples/floe/deploy/values.yaml'),
  ];
  return [chart, ...values, '--kube-version', '1.34.4', ...more];
}

async function renderChart(profile: string, ...more: string[]): Promise<Manifest[]> {
  const { stdout } = await run('helm', ['template', 'any-release', ...listArguments(profile, ...more)]);
  return (loadAll(stdout) as (Manifest | null)[]).filter((manifest) => manifest !== null);
}

function listPods(manifests: Manifest[]): { name: string; spec: PodSpec; containers: Container[] }[] {
  return manifests
    .filter((manifest) => ['Deployment', 'StatefulSet', 'Job', 'DaemonSet'].includes(manifest.kind))
    .map((manifest) => {
      const spec = manifest.spec.template.spec;
      return { name: manifest.metadata.name, spec, containers: [...(spec.initContainers ?? []), ...spec.containers] };
    });
}

function readCpu(quantity: string): number {
  const text = String(quantity);
  return text.endsWith('m') ? Number(text.slice(0, -1)) / 1000 : Number(text);
}

describe.each(profiles)('profile %s', (profile) => {
  test('passes helm lint --strict', async () => {
    const { stdout } = await run('helm', ['lint', '--strict', ...listArguments(profile)]);
    expect(stdout).toContain('0 chart(s) failed');
  });

  test('serves under the names that tests and programs expect, whatever the release is called', async () => {
    const services = (await renderChart(profile)).filter((manifest) => manifest.kind === 'Service');
    const ports = Object.fromEntries(services.map((service) => [service.metadata.name, service.spec.ports[0]?.port]));
    expect(ports).toMatchObject({ 'dagster-webserver': 3000, postgres: 5432, 'floe-example': 4000 });
  });

  test('runs every pod under the restricted Pod Security Standard, without a token', async () => {
    const pods = listPods(await renderChart(profile));
    expect(pods.map((pod) => pod.name)).toEqual(
      expect.arrayContaining(['dagster-webserver', 'dagster-daemon', 'floe-example', 'postgres']),
    );
    const restrictedPod = {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    };
    expect(pods).toMatchObject(pods.map((pod) => ({ name: pod.name, spec: restrictedPod })));
    const restrictedContainer = {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    };
    const containers = pods.flatMap((pod) => pod.containers);
    expect(containers).toMatchObject(containers.map(({ name }) => ({ name, securityContext: restrictedContainer })));
  });

  test('gives every container requests and limits, and every program a probe', async () => {
    const pods = listPods(await renderChart(profile));
    const containers = pods.flatMap((pod) => pod.containers);
    const quantities = { cpu: expect.anything(), memory: expect.anything() };
    expect(containers).toMatchObject(
      containers.map(({ name }) => ({ name, resources: { requests: quantities, limits: quantities } })),
    );
    const programs = pods.flatMap((pod) => pod.spec.containers);
    expect(programs).toMatchObject(programs.map(({ name }) => ({ name, livenessProbe: expect.any(Object) })));
  });

  test('labels every object, and selects pods by labels that one component alone carries', async () => {
    const manifests = await renderChart(profile);
    const labels = {
      'app.kubernetes.io/name': 'floe-platform',
      'app.kubernetes.io/instance': 'any-release',
      'app.kubernetes.io/managed-by': 'Helm',
      'app.kubernetes.io/part-of': 'floe',
    };
    expect(manifests).toMatchObject(manifests.map(({ kind }) => ({ kind, metadata: { labels } })));

    const workloads = manifests.filter((manifest) => ['Deployment', 'StatefulSet'].includes(manifest.kind));
    for (const service of manifests.filter((manifest) => manifest.kind === 'Service')) {
      const selected = workloads.filter((workload) =>
        Object.entries(service.spec.selector).every(
          ([key, value]) => workload.spec.template.metadata.labels[key] === value,
        ),
      );
      expect(selected.map((workload) => workload.metadata.name)).toEqual([service.metadata.name]);
    }
  });

  test('makes nothing that belongs to the whole cluster', async () => {
    const kinds = new Set((await renderChart(profile)).map((manifest) => manifest.kind));
    const namespaced = ['ConfigMap', 'Deployment', 'PersistentVolumeClaim', 'Secret', 'Service', 'StatefulSet'];
    expect([...kinds].filter((kind) => !namespaced.includes(kind))).toEqual([]);
  });

  test('takes its images from a mirror, by digest and with pull secrets, when told in one place', async () => {
    const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
    const settings = [
      'images.registry=mirror.example:5000/hub',
      'images.pullSecrets={one,two}',
      `postgres.image.digest=${digest}`,
    ];
    const pods = listPods(await renderChart(profile, '--set', settings.join(',')));
    const images = Object.fromEntries(pods.map((pod) => [pod.name, pod.spec.containers[0]?.image]));
    expect(images).toMatchObject({
      'dagster-webserver': 'mirror.example:5000/hub/dagster/dagster-k8s:1.13.27',
      'dagster-daemon': 'mirror.example:5000/hub/dagster/dagster-k8s:1.13.27',
      postgres: `mirror.example:5000/hub/library/postgres:15-bookworm@${digest}`,
      'floe-example': 'floe-example:dev',
    });
    const pulled = { imagePullSecrets: [{ name: 'one' }, { name: 'two' }] };
    expect(pods).toMatchObject(pods.map((pod) => ({ name: pod.name, spec: pulled })));
    const policies = pods.flatMap((pod) => pod.containers.map((container) => container.imagePullPolicy));
    expect(new Set(policies)).toEqual(new Set(['IfNotPresent']));
  });
});

test('profile minimal leaves half of a 2-CPU node to kube-system and a quarter to the tests', async () => {
  const containers = listPods(await renderChart('minimal')).flatMap((pod) => pod.spec.containers);
  const requestedCpus = containers.reduce((sum, container) => sum + readCpu(container.resources.requests.cpu), 0);
  expect(requestedCpus).toBeGreaterThan(0);
  expect(requestedCpus).toBeLessThanOrEqual(0.5);
});

test('the password of PostgreSQL is generated, another one for each install, and never a value', async () => {
  const passwords = await Promise.all(
    ['first', 'second'].map(async () => {
      const secrets = (await renderChart('minimal')).filter((manifest) => manifest.kind === 'Secret');
      expect(secrets.map((secret) => secret.metadata.name)).toEqual(['postgres-credentials']);
      return Buffer.from(secrets[0]?.data.password ?? '', 'base64').toString();
    }),
  );
  expect(passwords[0]).toMatch(/^[A-Za-z0-9]{32}$/);
  expect(passwords[1]).not.toBe(passwords[0]);
});

test('a Secret of the user takes the place of the generated one', async () => {
  const manifests = await renderChart('minimal', '--set', 'postgres.existingSecret=mine');
  expect(manifests.filter((manifest) => manifest.kind === 'Secret')).toEqual([]);
  const references = JSON.stringify(manifests).match(/"secretKeyRef":\{"name":"[^"]*"/g);
  expect(new Set(references)).toEqual(new Set(['"secretKeyRef":{"name":"mine"']));
});

test.each([
  ['a mistyped component', 'postgress.database=x', 'postgress'],
  ['a mistyped key', 'dagster.webserver.replica=2', 'replica'],
  ['a wrong pull policy', 'images.pullPolicy=Sometimes', 'pullPolicy'],
  ['a digest that is none', 'dagster.image.digest=sha256:12', 'digest'],
  ['a code location named like a Service of the platform', 'codeLocations[0].name=postgres', 'codeLocations'],
  ['a code location without a module', 'codeLocations[0].module=null', 'module'],
])('refuses %s', async (_what, setting, named) => {
  const refusal = run('helm', ['template', 'any-release', ...listArguments('minimal', '--set', setting)]);
  await expect(refusal).rejects.toThrow(/values don't meet the specifications of the schema/);
  await expect(refusal).rejects.toThrow(named);
});
