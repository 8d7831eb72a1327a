import { claim, container, deployment, job, service, shell, writeChart } from './write-chart.ts';

/** Ready after this many seconds, as a database that replays its log. */
const slowSeconds = 60;

const database = {
  'database.yaml': deployment('database', {
    command: shell(`sleep ${slowSeconds}; exec python3 -m http.server 5432 --directory /tmp`),
    readinessProbe: { periodSeconds: 2, tcpSocket: { port: 5432 } },
  }),
  'database-service.yaml': service('database', 5432),
};

const tryDatabase = `python3 -c 'import socket; socket.create_connection(("database", 5432), 2)'`;

/** Fails twice and then works; what it counts with is a volume of its own pod. */
const failTwice = (then: string) =>
  `echo x >> /count/tries; if [ $(wc -l < /count/tries) -lt 3 ]; then exit 1; fi; ${then}`;
const count = { volumeMounts: [{ name: 'count', mountPath: '/count' }] };
const countVolume = { name: 'count', emptyDir: {} };

const createSecret = `
import json, os, ssl, time, urllib.request
time.sleep(25)
base = "/var/run/secrets/kubernetes.io/serviceaccount/"
namespace = open(base + "namespace").read()
secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late"}, "stringData": {"TOKEN": "t"}}
request = urllib.request.Request(
    "https://kubernetes.default.svc/api/v1/namespaces/" + namespace + "/secrets", json.dumps(secret).encode(),
    {"Authorization": "Bearer " + open(base + "token").read(), "Content-Type": "application/json"})
urllib.request.urlopen(request, context=ssl.create_default_context(cafile=base + "ca.crt"))
`;

const object = (kind: string, apiVersion: string, name: string, rest: object): string =>
  JSON.stringify({ apiVersion, kind, metadata: { name }, ...rest });

/** Charts that start slowly, each in another way, and become ready in the end. */
export const slowCharts: Record<string, () => string> = {
  'needs a minute, with an init container that waits for it': () =>
    writeChart({
      ...database,
      'web.yaml': deployment(
        'web',
        {},
        {
          pod: { initContainers: [container('wait', { command: shell(`until ${tryDatabase}; do sleep 2; done`) })] },
        },
      ),
    }),
  'restarts twice before it is ready, and its volume waits for its first consumer': () =>
    writeChart({
      'claim.yaml': claim('data'),
      'web.yaml': deployment(
        'web',
        {
          command: shell(failTwice('touch /tmp/ready; sleep 3600')),
          readinessProbe: { periodSeconds: 2, exec: { command: ['test', '-e', '/tmp/ready'] } },
          volumeMounts: [...count.volumeMounts, { name: 'data', mountPath: '/data' }],
        },
        { pod: { volumes: [countVolume, { name: 'data', persistentVolumeClaim: { claimName: 'data' } }] } },
      ),
    }),
  'crashes until its database is ready after a minute': () =>
    writeChart({
      ...database,
      'web.yaml': deployment('web', { command: shell(`${tryDatabase} || exit 1; sleep 3600`) }),
    }),
  'lacks a Secret that a Job brings after half a minute': () =>
    writeChart({
      'account.yaml': object('ServiceAccount', 'v1', 'bringer', {}),
      'role.yaml': object('Role', 'rbac.authorization.k8s.io/v1', 'bringer', {
        rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['create'] }],
      }),
      'binding.yaml': object('RoleBinding', 'rbac.authorization.k8s.io/v1', 'bringer', {
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'bringer' },
        subjects: [{ kind: 'ServiceAccount', name: 'bringer' }],
      }),
      'job.yaml': job(
        'bringer',
        {},
        {
          spec: {
            template: {
              spec: {
                restartPolicy: 'Never',
                serviceAccountName: 'bringer',
                containers: [container('main', { command: ['python3', '-c', createSecret] })],
              },
            },
          },
        },
      ),
      'web.yaml': deployment('web', { envFrom: [{ secretRef: { name: 'late' } }] }),
      'mount.yaml': deployment(
        'mount',
        { volumeMounts: [{ name: 'late', mountPath: '/late' }] },
        { pod: { volumes: [{ name: 'late', secret: { secretName: 'late' } }] } },
      ),
    }),
  'has a quota that a pod gives back, and a hook that fails twice': () =>
    writeChart({
      'hook.yaml': job(
        'migrate',
        {},
        {
          annotations: { 'helm.sh/hook': 'pre-install' },
          spec: {
            backoffLimit: 6,
            template: {
              spec: {
                restartPolicy: 'OnFailure',
                volumes: [countVolume],
                containers: [container('main', { command: shell(failTwice('exit 0')), ...count })],
              },
            },
          },
        },
      ),
      'quota.yaml': object('ResourceQuota', 'v1', 'tight', { spec: { hard: { 'requests.memory': '110Mi' } } }),
      'fill.yaml': object('Pod', 'v1', 'fill', {
        spec: {
          restartPolicy: 'Never',
          containers: [container('main', { command: shell('sleep 12'), resources: { requests: { memory: '100Mi' } } })],
        },
      }),
      // It may only be made when the other one has ended.
      'web.yaml': deployment('web', { resources: { requests: { memory: '20Mi' } } }),
    }),
};
