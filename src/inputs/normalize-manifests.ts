/**
 * Turns manifests as users have them into ones that can be created: exported from a cluster, rendered for another namespace,
 * named by the API server, or a Pod in place of a Job. Every change is reported. Pure.
 */
import { isObject } from '../core/is-object.ts';
import { trimEndOf } from '../core/trim-end.ts';

type Fields = Record<string, unknown>;

/** The result for a document, and the changes, a line each. A document that is no object is returned unchanged. */
export interface NormalizedDocument {
  document: unknown;
  changes: string[];
}

/** Fields of metadata that the API server writes. */
const serverMetadata = [
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'managedFields',
  'selfLink',
  'ownerReferences',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
];
/** https://kubernetes.io/docs/reference/labels-annotations-taints/#batchkubernetesio-controller-uid */
const controllerLabels = [
  'controller-uid',
  'job-name',
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-name',
];
const serverAnnotations = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'batch.kubernetes.io/job-tracking',
  'pv.kubernetes.io/bind-completed',
  'pv.kubernetes.io/bound-by-controller',
  'volume.kubernetes.io/selected-node',
];

/**
 * An object of a user's as it can be created in `namespace`: without fields that only the cluster it was exported from can set,
 * with a name, and out of namespace `default`, which `kubectl` and `helm template` write where no other one was given.
 */
export function normalizeDocument(document: unknown, namespace: string): NormalizedDocument {
  if (!isObject(document) || !isObject(document.metadata)) return { document, changes: [] };
  const object: Fields = { ...document, metadata: { ...document.metadata } };
  const metadata = object.metadata as Fields;
  const changes = giveName(metadata);
  const dropped = dropServerFields(object, metadata);
  const what = `${String(object.kind)}/${String(metadata.name)}`;
  if (dropped.length > 0)
    changes.push(`${what}: left out what the cluster wrote that it was exported from: ${dropped.join(', ')}`);
  if (metadata.namespace === 'default' && namespace !== 'default') {
    metadata.namespace = namespace;
    changes.push(`${what}: namespace ${namespace} (was default): the run has a namespace of its own`);
  }
  changes.push(...moveSubjects(object, what, namespace));
  return { document: object, changes };
}

/** The API server would add letters to `generateName`; a run has one Job, which needs a name that others can refer to. */
function giveName(metadata: Fields): string[] {
  const { name, generateName } = metadata;
  if (typeof generateName !== 'string') return [];
  delete metadata.generateName;
  if (typeof name === 'string' && name !== '') return [];
  const given = trimEndOf(generateName, '-.');
  if (given === '') return [];
  metadata.name = given;
  return [`metadata.name: ${given} (was generateName ${generateName})`];
}

/** Takes away what an object has from its cluster. @returns the fields, by their paths. */
function dropServerFields(object: Fields, metadata: Fields): string[] {
  const dropped: string[] = [];
  const drop = (from: unknown, field: string, path: string) => {
    if (!isObject(from) || from[field] === undefined) return;
    // kubectl writes `creationTimestamp: null` and `status: {}` into what it only prints: nothing is lost there.
    const isEmpty = from[field] === null || (isObject(from[field]) && Object.keys(from[field]).length === 0);
    delete from[field];
    if (!isEmpty) dropped.push(`${path}${field}`);
  };
  drop(object, 'status', '');
  for (const field of serverMetadata) drop(metadata, field, 'metadata.');
  copyField(metadata, 'annotations');
  for (const name of serverAnnotations) drop(metadata.annotations, name, 'annotation ');
  const spec = copyField(object, 'spec');
  if (spec === undefined) return dropped;
  const { kind } = object;
  if (kind === 'Job') {
    if (spec.manualSelector !== true) {
      drop(spec, 'selector', 'spec.');
      for (const holder of [metadata, copyField(copyField(spec, 'template'), 'metadata')]) {
        copyField(holder, 'labels');
        for (const name of controllerLabels) drop(holder?.labels, name, 'label ');
      }
    }
    drop(copyField(copyField(spec, 'template'), 'metadata'), 'creationTimestamp', 'spec.template.metadata.');
  }
  if (kind === 'Pod') drop(spec, 'nodeName', 'spec.');
  if (kind === 'PersistentVolumeClaim' && dropped.length > 0) drop(spec, 'volumeName', 'spec.');
  if (kind === 'Service' && dropped.length > 0 && spec.clusterIP !== 'None')
    for (const field of ['clusterIP', 'clusterIPs']) drop(spec, field, 'spec.');
  return dropped;
}

/** A mapping in an object, copied before it is changed. */
function copyField(holder: Fields | undefined, field: string): Fields | undefined {
  if (holder === undefined || !isObject(holder[field])) return undefined;
  const copy = { ...holder[field] };
  holder[field] = copy;
  return copy;
}

/** A RoleBinding for the ServiceAccount beside it must find it where both are created. */
function moveSubjects(object: Fields, what: string, namespace: string): string[] {
  if (object.kind !== 'RoleBinding' || !Array.isArray(object.subjects) || namespace === 'default') return [];
  const subjects = object.subjects as unknown[];
  const isOfDefault = (one: unknown) => isObject(one) && one.namespace === 'default';
  if (!subjects.some(isOfDefault)) return [];
  object.subjects = subjects.map((one) => (isOfDefault(one) ? { ...(one as Fields), namespace } : one));
  return [`${what}: its subjects are looked for in namespace ${namespace} (was default)`];
}
