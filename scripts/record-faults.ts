/**
 * Records the data of a real cluster on a fault, for the tests of its classification: applies each manifest of
 * __tests__/diagnose/manifests in a namespace of its own, waits for the seconds that its first line names, and writes all that
 * the watch would have to __tests__/diagnose/fixtures. Needs FLOE_TEST_CLUSTER; names of faults may be given.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { factPaths, type NamespaceFacts } from '../src/diagnose/namespace-facts.ts';
import { connect } from '../src/kube/connection.ts';
import type { ObjectMeta } from '../src/kube/objects.ts';
import { listResources } from '../src/kube/resources.ts';

const manifests = path.resolve('__tests__/diagnose/manifests');
const fixtures = path.resolve('__tests__/diagnose/fixtures');
const { kubeconfigPath } = JSON.parse(readFileSync(process.env.FLOE_TEST_CLUSTER!, 'utf8')) as {
  kubeconfigPath: string;
};
const connection = connect({ kubeconfigPath });
const signal = AbortSignal.timeout(10 * 60_000);

function kubectl(args: string[], input = ''): void {
  execFileSync('kubectl', ['--kubeconfig', kubeconfigPath, ...args], { input, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** Bookkeeping that nothing is decided on. */
function trim(object: { metadata: ObjectMeta }): object {
  const { managedFields: _, ...metadata } = object.metadata as ObjectMeta & { managedFields?: unknown };
  const { [lastApplied]: __, ...annotations } = metadata.annotations ?? {};
  return { ...object, metadata: { ...metadata, annotations } };
}
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

async function record(fault: string): Promise<void> {
  const namespace = `record-${fault}`;
  const text = readFileSync(path.join(manifests, `${fault}.yaml`), 'utf8').replaceAll('NAMESPACE', namespace);
  const seconds = Number(/recorded after (\d+) s/.exec(text)![1]);
  kubectl(['create', 'namespace', namespace]);
  try {
    kubectl(['--namespace', namespace, 'apply', '-f', '-'], text);
    await delay(seconds * 1000);
    const facts: Record<string, readonly object[]> = {};
    for (const [kind, listPath] of Object.entries(factPaths(namespace)))
      facts[kind] = (await listResources<{ metadata: ObjectMeta }>(connection, listPath, signal)).map(trim);
    facts.nodes = (facts.nodes as NamespaceFacts['nodes']).map(({ metadata: { name, uid, labels }, spec, status }) => ({
      metadata: { name, uid, labels },
      spec,
      status: { conditions: status?.conditions, allocatable: status?.allocatable },
    }));
    writeFileSync(path.join(fixtures, `${fault}.json`), `${JSON.stringify(facts, null, 1)}\n`);
  } finally {
    kubectl(['delete', '--wait=false', 'namespace', namespace]);
  }
}

const wanted = process.argv.slice(2);
const faults = readdirSync(manifests).map((name) => path.basename(name, '.yaml'));
await Promise.all(faults.filter((fault) => wanted.length === 0 || wanted.includes(fault)).map(record));
if (faults.includes('claim-no-provisioner'))
  kubectl(['delete', '--ignore-not-found', 'storageclass', 'recorded-no-provisioner']);
await connection.close();
