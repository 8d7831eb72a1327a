import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { load, loadAll } from 'js-yaml';
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
  lifecycle?: object;
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
    ports: { name: string; port: number }[];
  };
  data: { password?: string };
}

/** What each profile runs, beside the example's code location. */
const workloads: Record<string, string[]> = {
  minimal: ['dagster-daemon', 'dagster-webserver', 'postgres'],
  full: [
    'cube',
    'dagster-daemon',
    'dagster-webserver',
    'jaeger',
    'minio',
    'otel-collector',
    'polaris',
    'postgres',
    'prometheus',
  ],
  production: ['cube', 'dagster-daemon', 'dagster-webserver', 'otel-collector', 'prometheus'],
};
const ports: Record<string, number> = {
  cube: 4000,
  'dagster-webserver': 3000,
  jaeger: 16686,
  minio: 9000,
  'otel-collector': 4318,
  polaris: 8181,
  postgres: 5432,
  prometheus: 9090,
};

/** The arguments that every call shares: a profile, the example's values, and a current Kubernetes. */
function listArguments(profile: string, ...more: string[]): string[] {
  const deploy = join(repository, 'examples/floe/deploy');
  const files = [join(chart, 'profiles', `${profile}.yaml`), join(deploy, 'values.yaml')];
  if (profile === 'production') files.push(join(deploy, 'production.yaml'));
  const values = files.flatMap((file) => ['-f', file]);
  return [chart, ...values, '--kube-version', '1.34.4', ...more];
}

async function renderChart(profile: string, ...more: string[]): Promise<Manifest[]> {
  const { stdout } = await run('helm', ['template', 'any-release', ...listArguments(profile, ...more)]);
  return (loadAll(stdout) as (Manifest | null)[]).filter((manifest) => manifest !== null);
}

function listPods(manifests: Manifest[]): { kind: string; name: string; spec: PodSpec; containers: Container[] }[] {
  return manifests
    .filter((manifest) => ['Deployment', 'StatefulSet', 'Job', 'DaemonSet'].includes(manifest.kind))
    .map((manifest) => {
      const spec = manifest.spec.template.spec;
      const { kind } = manifest;
      return {
        kind,
        name: manifest.metadata.name,
        spec,
        containers: [...(spec.initContainers ?? []), ...spec.containers],
      };
    });
}

function readCpu(quantity: string): number {
  const text = String(quantity);
  return text.endsWith('m') ? Number(text.slice(0, -1)) / 1000 : Number(text);
}

/** Components that no profile runs, and Apache Polaris itself, as settings over any profile. */
const optional = [
  'redis.enabled=true',
  'grafana.enabled=true',
  'prometheus.enabled=true',
  'minio.enabled=true',
  'polaris.enabled=true',
  'polaris.server=polaris',
].join(',');

describe.each(profiles)('profile %s', (profile) => {
  test('passes helm lint --strict', async () => {
    const { stdout } = await run('helm', ['lint', '--strict', ...listArguments(profile)]);
    expect(stdout).toContain('0 chart(s) failed');
  });

  test('runs what it is for, and serves under the names that tests and programs expect', async () => {
    const manifests = await renderChart(profile);
    const expected = [...workloads[profile]!, 'floe-example'].sort();
    expect(
      listPods(manifests)
        .map((pod) => pod.name)
        .sort(),
    ).toEqual(expected);
    const services = manifests.filter((manifest) => manifest.kind === 'Service');
    const served = Object.fromEntries(services.map((service) => [service.metadata.name, service.spec.ports[0]?.port]));
    const promised = expected.flatMap((name) => (name in ports ? [[name, ports[name]]] : []));
    const replicas = expected.includes('otel-collector') ? { 'otel-collector-replicas': 8888 } : {};
    expect(served).toEqual({ ...Object.fromEntries(promised), ...replicas, 'floe-example': 4000 });
  });

  test.each([
    ['as it is', []],
    ['with all optional components', ['--set', optional]],
  ])('runs every pod under the restricted Pod Security Standard, without a token, %s', async (_, settings) => {
    const pods = listPods(await renderChart(profile, ...settings));
    expect(pods.length).toBeGreaterThan(3);
    const restrictedPod = {
      serviceAccountName: 'floe-platform',
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
    const pods = listPods(await renderChart(profile, '--set', optional));
    const containers = pods.flatMap((pod) => pod.containers);
    const quantities = { cpu: expect.anything(), memory: expect.anything() };
    expect(containers).toMatchObject(
      containers.map(({ name }) => ({ name, resources: { requests: quantities, limits: quantities } })),
    );
    const programs = pods.filter(({ kind }) => kind !== 'Job').flatMap((pod) => pod.spec.containers);
    expect(programs).toMatchObject(programs.map(({ name }) => ({ name, livenessProbe: expect.any(Object) })));
  });

  test('labels every object, and selects pods by labels that one component alone carries', async () => {
    const manifests = await renderChart(profile, '--set', optional);
    const labels = {
      'app.kubernetes.io/name': 'floe-platform',
      'app.kubernetes.io/instance': 'any-release',
      'app.kubernetes.io/managed-by': 'Helm',
      'app.kubernetes.io/part-of': 'floe',
    };
    expect(manifests).toMatchObject(manifests.map(({ kind }) => ({ kind, metadata: { labels } })));

    const programs = manifests.filter((manifest) => ['Deployment', 'StatefulSet'].includes(manifest.kind));
    for (const service of manifests.filter((manifest) => manifest.kind === 'Service')) {
      const selected = programs.filter((workload) =>
        Object.entries(service.spec.selector).every(
          ([key, value]) => workload.spec.template.metadata.labels[key] === value,
        ),
      );
      expect(selected.map((workload) => workload.metadata.name)).toEqual([
        service.metadata.name.replace(/-replicas$/, ''),
      ]);
    }
  });

  test('makes nothing that belongs to the whole cluster', async () => {
    const kinds = new Set((await renderChart(profile, '--set', optional)).map((manifest) => manifest.kind));
    const namespaced = [
      'ConfigMap',
      'Deployment',
      'ExternalSecret',
      'HorizontalPodAutoscaler',
      'Ingress',
      'Job',
      'LimitRange',
      'NetworkPolicy',
      'PersistentVolumeClaim',
      'PodDisruptionBudget',
      'ResourceQuota',
      'Secret',
      'Service',
      'ServiceAccount',
      'StatefulSet',
    ];
    expect([...kinds].filter((kind) => !namespaced.includes(kind))).toEqual([]);
  });

  test('takes its images from a mirror, by digest and with pull secrets, when set in one place', async () => {
    const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
    const settings = [
      'images.registry=mirror.example:5000/hub',
      'images.pullSecrets={one,two}',
      `dagster.image.digest=${digest}`,
      optional,
    ];
    const pods = listPods(await renderChart(profile, '--set', settings.join(',')));
    const images = Object.fromEntries(pods.map((pod) => [pod.name, pod.spec.containers[0]?.image]));
    const dagster = `mirror.example:5000/hub/dagster/dagster-k8s:1.13.27@${digest}`;
    expect(images).toMatchObject({
      'dagster-webserver': dagster,
      'dagster-daemon': dagster,
      'floe-example': 'floe-example:dev',
    });
    const { 'floe-example': _own, ...platform } = images;
    expect(Object.values(platform).filter((image) => !image?.startsWith('mirror.example:5000/hub/'))).toEqual([]);
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
  ['a mistyped switch', 'minio.enable=true', 'enable'],
  ['an endpoint without its scheme', 'minio.existing.endpoint=s3.example:9000', 'endpoint'],
  ['a trace endpoint with a scheme', 'jaeger.existing.endpoint=http://tempo:4317', 'endpoint'],
  ['a bucket that S3 would not make', 'minio.bucket=Floe_Data', 'bucket'],
  ['an ingress for a component that has none', 'ingress.hosts.jaeger=x.example', 'jaeger'],
  ['a Redis without its scheme', 'redis.existing.url=cache:6379', 'url'],
  ['a dashboard that is no JSON', 'grafana.dashboards.runs=x', 'runs'],
  ['a catalog server that there is not', 'polaris.server=nessie', 'server'],
  ['a database whose name would be SQL', 'polaris.apache.database=x;DROP', 'database'],
  ['a code location without a module', 'codeLocations[0].module=null', 'module'],
])('refuses %s', async (_what, setting, named) => {
  const refusal = run('helm', ['template', 'any-release', ...listArguments('minimal', '--set', setting)]);
  await expect(refusal).rejects.toThrow(/values don't meet the specifications of the schema/);
  await expect(refusal).rejects.toThrow(named);
});

test.each([
  ['dagster without a database', 'minimal', 'postgres.enabled=false', 'dagster needs PostgreSQL'],
  ['a catalog without object storage', 'full', 'minio.enabled=false', 'polaris needs object storage'],
  ['Cube without marts', 'full', 'postgres.martsDatabase=', 'cube reads a database'],
  [
    'Polaris without a database',
    'full',
    'polaris.server=polaris,postgres.enabled=false,dagster.enabled=false,cube.enabled=false',
    'PostgreSQL',
  ],
  ['Grafana with nothing to show', 'minimal', 'grafana.enabled=true', 'grafana needs something to show'],
  ['external secrets without a store', 'minimal', 'externalSecrets.enabled=true', 'needs the name of a SecretStore'],
])('refuses %s, and says what would do', async (_what, profile, setting, said) => {
  const refusal = run('helm', ['template', 'any-release', ...listArguments(profile, '--set', setting)]);
  await expect(refusal).rejects.toThrow(said);
});

test.each(workloads.full!.filter((name) => !name.startsWith('dagster')))(
  'profile full without %s has no object of it, and the others stay',
  async (name) => {
    const key = name === 'otel-collector' ? 'otelCollector' : name;
    // What needs the component is pointed at one that is there already.
    const existing = {
      postgres: 'postgres.existing.host=db.example',
      minio: 'minio.existing.endpoint=http://s3.example',
    }[name];
    const settings = [`${key}.enabled=false`, ...(existing === undefined ? [] : [existing])];
    const manifests = await renderChart('full', '--set', settings.join(','));
    const pods = listPods(manifests).map((pod) => pod.name);
    expect(pods.sort()).toEqual([...workloads.full!, 'floe-example'].filter((one) => one !== name).sort());
    const left = manifests.filter(
      (manifest) => manifest.kind !== 'Secret' && manifest.metadata.labels['app.kubernetes.io/component'] === name,
    );
    expect(left).toEqual([]);
    // Nothing looks for it under its own name any more.
    const text = JSON.stringify(manifests.filter((manifest) => manifest.kind !== 'NetworkPolicy'));
    const mentions = [`//${name}:`, `hostname: \\"${name}`, `["${name}:`, `_HOST","value":"${name}"`];
    expect(mentions.filter((mention) => text.includes(mention))).toEqual([]);
  },
);

test('profile full asks for little enough that three small nodes hold it, and its quota leaves room for tests', async () => {
  const manifests = await renderChart('full');
  const containers = listPods(manifests).flatMap((pod) => pod.spec.containers);
  const requestedCpus = containers.reduce((sum, container) => sum + readCpu(container.resources.requests.cpu), 0);
  expect(requestedCpus).toBeGreaterThan(0);
  expect(requestedCpus).toBeLessThanOrEqual(1);
  const quota = manifests.find((manifest) => manifest.kind === 'ResourceQuota') as unknown as {
    spec: { hard: Record<string, string> };
  };
  expect(readCpu(quota.spec.hard['requests.cpu']!)).toBeGreaterThanOrEqual(requestedCpus + 2);
});

test('profile production scales, survives drains, is reached by ingress and holds no Secret of its own', async () => {
  const manifests = await renderChart('production');
  const namesOf = (kind: string) =>
    manifests.filter((manifest) => manifest.kind === kind).map((manifest) => manifest.metadata.name);
  expect(namesOf('Secret')).toEqual([]);
  expect(namesOf('ExternalSecret').sort()).toEqual([
    'cube-credentials',
    'object-storage-credentials',
    'postgres-credentials',
  ]);
  const scaled = ['cube', 'dagster-webserver', 'otel-collector'];
  expect(namesOf('HorizontalPodAutoscaler').sort()).toEqual(scaled);
  expect(namesOf('PodDisruptionBudget').sort()).toEqual(scaled);
  expect(namesOf('Ingress').sort()).toEqual(['cube', 'dagster-webserver']);
  const deployments = manifests.filter(
    (manifest) => scaled.includes(manifest.metadata.name) && manifest.kind === 'Deployment',
  );
  // Who connects while a pod goes is still served.
  const lifecycles = deployments.map((deployment) => deployment.spec.template.spec.containers[0]!.lifecycle);
  expect(lifecycles).toEqual(scaled.map(() => ({ preStop: { sleep: { seconds: 10 } } })));
  // A number of replicas beside an autoscaler would undo its work at each upgrade.
  expect(deployments.filter((deployment) => 'replicas' in deployment.spec)).toEqual([]);
});

test('every collector is scraped, however many there are: by a name that leads to all of them', async () => {
  for (const profile of ['full', 'production']) {
    const manifests = await renderChart(profile);
    const find = (kind: string, name: string) =>
      manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)!;
    const { spec } = find('Service', 'otel-collector-replicas');
    expect(spec).toMatchObject({ clusterIP: 'None', selector: find('Service', 'otel-collector').spec.selector });
    const config = load((find('ConfigMap', 'prometheus-config').data as Record<string, string>)['prometheus.yml']!) as {
      scrape_configs: { job_name: string; dns_sd_configs?: { names: string[] }[]; static_configs?: object[] }[];
    };
    const asked = config.scrape_configs.filter(({ job_name }) => ['otel-collector', 'platform'].includes(job_name));
    const portNames = asked.map(({ job_name, dns_sd_configs, static_configs }) => {
      expect(static_configs, job_name).toBeUndefined();
      const [, portName] = /^_([a-z-]+)\._tcp\.otel-collector-replicas$/.exec(dns_sd_configs![0]!.names[0]!)!;
      return portName;
    });
    expect(portNames).toEqual(spec.ports.map((port) => port.name));
  }
});

test('one pod alone goes at once, and so do several where Kubernetes cannot have them linger', async () => {
  const linger = async (...more: Parameters<typeof renderChart>) =>
    listPods(await renderChart(...more)).filter((pod) =>
      pod.containers.some(({ lifecycle }) => lifecycle !== undefined),
    );
  expect(await linger('full')).toEqual([]);
  expect(await linger('production', '--kube-version', '1.29.0')).toEqual([]);
});

test('an existing catalog, object storage, collector and database reach the code location by name', async () => {
  const manifests = await renderChart(
    'production',
    '--set',
    'otelCollector.enabled=false,otelCollector.existing.endpoint=http://agent.monitoring:4318',
  );
  const location = listPods(manifests).find((pod) => pod.name === 'floe-example')!;
  const env = (location.containers[0] as unknown as { env: { name: string; value?: string }[] }).env;
  expect(Object.fromEntries(env.map(({ name, value }) => [name, value]))).toMatchObject({
    ICEBERG_CATALOG_URI: 'http://polaris.data.svc.cluster.local:8181/api/catalog',
    ICEBERG_WAREHOUSE: 'floe',
    S3_ENDPOINT: 'https://s3.eu-central-1.amazonaws.com',
    AWS_REGION: 'eu-central-1',
    MARTS_POSTGRES_HOST: 'floe.postgres.example.internal',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://agent.monitoring:4318',
  });
});

/** The environment of a container, by names. */
function envOf(container: Container | undefined): Record<string, string | object | undefined> {
  const { env = [] } = container as unknown as { env?: { name: string; value?: string; valueFrom?: object }[] };
  return Object.fromEntries(env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]));
}

const secretKey = (name: string, key: string) => ({ secretKeyRef: { name, key } });

test('Redis serves the platform alone, with a password, and Cube and code locations know it', async () => {
  const manifests = await renderChart('full', '--set', 'redis.enabled=true');
  const pods = listPods(manifests);
  const containerOf = (name: string) => pods.find((pod) => pod.name === name)?.spec.containers[0];
  const password = secretKey('redis-credentials', 'password');
  expect(envOf(containerOf('redis'))).toEqual({ REDISCLI_AUTH: password });
  expect(envOf(containerOf('cube'))).toMatchObject({
    CUBEJS_CACHE_AND_QUEUE_DRIVER: 'redis',
    CUBEJS_REDIS_URL: 'redis://redis:6379',
    CUBEJS_REDIS_PASSWORD: password,
  });
  expect(envOf(containerOf('floe-example'))).toMatchObject({
    REDIS_URL: 'redis://redis:6379',
    REDIS_PASSWORD: password,
  });
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy');
  expect(policies.map(({ spec }) => (spec as unknown as { podSelector: object }).podSelector)).toMatchObject([
    { matchExpressions: [{ operator: 'NotIn', values: ['postgres', 'minio', 'redis'] }] },
    { matchExpressions: [{ operator: 'In', values: ['postgres', 'minio', 'redis'] }] },
  ]);
  const without = listPods(await renderChart('full')).find((pod) => pod.name === 'cube')?.spec.containers[0];
  expect(envOf(without)).toMatchObject({ CUBEJS_CACHE_AND_QUEUE_DRIVER: 'memory' });
  // One that is there already has a password only where a Secret is named.
  const open = await renderChart('full', '--set', 'redis.existing.url=redis://cache.example:6379');
  const location = listPods(open).find((pod) => pod.name === 'floe-example')?.spec.containers[0];
  expect(envOf(location)).toMatchObject({ REDIS_URL: 'redis://cache.example:6379' });
  expect(envOf(location)).not.toHaveProperty('REDIS_PASSWORD');
  expect(JSON.stringify(open)).not.toContain('redis-credentials');
});

test('Grafana shows what the chart runs, or what is there already, and dashboards of the values', async () => {
  const sourcesOf = async (profile: string, ...settings: string[]) => {
    const manifests = await renderChart(profile, '--set', 'grafana.enabled=true', ...settings);
    const find = (name: string) =>
      manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
    const data = find('grafana-provisioning')?.data as unknown as Record<string, string>;
    const { datasources } = load(data['datasources.yaml'] ?? '') as { datasources: { type: string; url: string }[] };
    return { sources: datasources.map(({ type, url }) => [type, url]), dashboards: find('grafana-dashboards')?.data };
  };
  expect(await sourcesOf('full')).toEqual({
    sources: [
      ['prometheus', 'http://prometheus:9090'],
      ['jaeger', 'http://jaeger:16686'],
    ],
    dashboards: {},
  });
  const dashboards = { 'runs.json': '{"title": "Runs"}' };
  const given = ['--set-json', `grafana.dashboards=${JSON.stringify(dashboards)}`];
  const existing = ['--set', 'grafana.existing.prometheusUrl=http://prometheus.monitoring:9090'];
  expect(await sourcesOf('minimal', ...existing, ...given)).toEqual({
    sources: [['prometheus', 'http://prometheus.monitoring:9090']],
    dashboards: { 'runs.json': `${dashboards['runs.json']}\n` },
  });
});

test('Apache Polaris runs with its realm, its credentials and its catalog, under the name of the fixture', async () => {
  const manifests = await renderChart('full', '--set', 'polaris.server=polaris');
  const pods = listPods(manifests);
  const server = pods.find((pod) => pod.name === 'polaris');
  const setup = pods.find((pod) => pod.name.startsWith('polaris-setup-'));
  const persistence = {
    POLARIS_PERSISTENCE_TYPE: 'relational-jdbc',
    QUARKUS_DATASOURCE_JDBC_URL: 'jdbc:postgresql://postgres:5432/polaris',
    QUARKUS_DATASOURCE_USERNAME: 'dagster',
    QUARKUS_DATASOURCE_PASSWORD: secretKey('postgres-credentials', 'password'),
  };
  const root = {
    POLARIS_CLIENT_ID: secretKey('polaris-credentials', 'client-id'),
    POLARIS_CLIENT_SECRET: secretKey('polaris-credentials', 'client-secret'),
  };
  expect(server?.kind).toBe('Deployment');
  expect(server?.containers.map(({ image }) => image)).toEqual([
    'docker.io/library/postgres:15-bookworm',
    'docker.io/apache/polaris:1.5.0',
  ]);
  expect(envOf(server?.spec.containers[0])).toMatchObject({ ...persistence, POLARIS_REALM_CONTEXT_REALMS: 'POLARIS' });
  expect(setup?.containers.map(({ name, image }) => [name, image])).toEqual([
    ['make-database', 'docker.io/library/postgres:15-bookworm'],
    ['bootstrap', 'docker.io/apache/polaris-admin-tool:1.5.0'],
    ['make-catalog', 'docker.io/apache/polaris:1.5.0'],
  ]);
  expect(envOf(setup?.containers[1])).toMatchObject({ ...persistence, ...root, REALM: 'POLARIS' });
  const { CATALOG: catalog } = envOf(setup?.containers[2]);
  expect(JSON.parse(String(catalog))).toEqual({
    catalog: {
      name: 'floe',
      type: 'INTERNAL',
      readOnly: false,
      properties: { 'default-base-location': 's3://floe/warehouse' },
      storageConfigInfo: {
        storageType: 'S3',
        allowedLocations: ['s3://floe/warehouse'],
        endpoint: 'http://minio:9000',
        region: 'us-east-1',
        pathStyleAccess: true,
      },
    },
  });
  expect(envOf(pods.find((pod) => pod.name === 'floe-example')?.spec.containers[0])).toMatchObject({
    ICEBERG_CATALOG_URI: 'http://polaris:8181/api/catalog',
    ICEBERG_WAREHOUSE: 'floe',
    ...root,
    ICEBERG_CREDENTIAL: '$(POLARIS_CLIENT_ID):$(POLARIS_CLIENT_SECRET)',
    ICEBERG_SCOPE: 'PRINCIPAL_ROLE:ALL',
  });
  // A Job cannot be changed: one that does something else has another name, and one that does the same keeps its.
  const nameWith = async (...settings: string[]) =>
    listPods(await renderChart('full', '--set', ['polaris.server=polaris', ...settings].join(','))).find(
      ({ kind }) => kind === 'Job',
    )?.name;
  expect(await nameWith()).toBe(setup?.name);
  expect(await nameWith('polaris.apache.catalog=other')).not.toBe(setup?.name);
  // The fixture is as it was.
  const fixture = listPods(await renderChart('full')).find((pod) => pod.name === 'polaris');
  expect(fixture).toMatchObject({ kind: 'StatefulSet', containers: [{ name: 'polaris' }] });
});

test('with external secrets, those of Redis, Grafana and Polaris come from the store too', async () => {
  const manifests = await renderChart('production', '--set', optional);
  const namesOf = (wanted: string) =>
    manifests.filter(({ kind }) => kind === wanted).map(({ metadata }) => metadata.name);
  expect(namesOf('Secret')).toEqual([]);
  expect(namesOf('ExternalSecret')).toEqual(
    expect.arrayContaining(['grafana-credentials', 'polaris-credentials', 'redis-credentials']),
  );
});
