import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Job, Pod } from '../../src/kube/objects.ts';
import { areBack, digestChart } from '../../src/pipeline/update-platform.ts';
import { type PlatformFacts, planUpdate } from '../../src/platform/plan-update.ts';

function pod(name: string, image: string, owner?: { kind: string; uid: string }, parts: Partial<Pod> = {}): Pod {
  const ownerReferences = owner === undefined ? [] : [{ ...owner, name: owner.uid, controller: true }];
  return {
    metadata: { name, uid: name, ownerReferences },
    spec: { containers: [{ name: 'main', image }] },
    ...parts,
  };
}
const readyStatus = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
const web = { kind: 'ReplicaSet', uid: 'web-1' };

const settled: PlatformFacts = {
  release: { status: 'deployed', revision: '3' },
  noted: { digest: 'a', revision: '3' },
  digest: 'a',
  isChanged: () => false,
  pods: [pod('web-1-x', 'web:dev', web), pod('db-0', 'postgres:17', { kind: 'StatefulSet', uid: 'db' })],
  jobs: [],
};
const webChanged = (image: string) => image === 'web:dev';

describe('a deployed platform', () => {
  test('is left alone when neither chart nor images have changed', () => {
    expect(planUpdate(settled)).toMatchObject({ act: 'none', restart: [] });
  });

  test('is upgraded when the rendered chart has changed, or another client upgraded it', () => {
    expect(planUpdate({ ...settled, digest: 'b' })).toMatchObject({ act: 'upgrade', restart: [] });
    const theirs = { status: 'deployed', revision: '4' };
    expect(planUpdate({ ...settled, release: theirs })).toMatchObject({
      act: 'upgrade',
      why: 'another client created revision 4 of it',
    });
  });

  test('is installed when there is none, and again when it was not ready', () => {
    expect(planUpdate({ ...settled, release: undefined }).act).toBe('install');
    expect(planUpdate({ ...settled, noted: undefined }).act).toBe('renew');
    const failed = { status: 'failed', revision: '3' };
    expect(planUpdate({ ...settled, release: failed })).toMatchObject({
      act: 'renew',
      why: 'its last installation is failed',
    });
  });

  test('has the pods restarted whose image has changed under the same name, and no others', () => {
    expect(planUpdate({ ...settled, isChanged: webChanged })).toMatchObject({
      act: 'none',
      restart: [{ metadata: { name: 'web-1-x' } }],
    });
  });

  test('is installed again when a Job of the chart has run with an image that has changed', () => {
    const job = (annotations: Record<string, string>): Job => ({ metadata: { name: 'm', uid: 'm', annotations } });
    const ran = pod('m-x', 'web:dev', { kind: 'Job', uid: 'm' }, { status: { phase: 'Succeeded' } });
    const facts = { ...settled, isChanged: webChanged, pods: [...settled.pods, ran] };
    for (const annotation of ['meta.helm.sh/release-name', 'helm.sh/hook'])
      expect(planUpdate({ ...facts, jobs: [job({ [annotation]: 'x' })] })).toMatchObject({
        act: 'renew',
        why: 'm-x has run with an image that has changed',
      });
    // One that a program of the platform has made for a piece of its work is over.
    expect(planUpdate({ ...facts, jobs: [job({})] })).toMatchObject({
      act: 'none',
      restart: [{ metadata: { name: 'web-1-x' } }],
    });
  });
});

describe('restarted pods', () => {
  const former = [pod('web-1-x', 'web:dev', web, { status: readyStatus })];

  test('are back when the old ones are gone and as many of the same controller are ready', () => {
    const next = pod('web-1-y', 'web:dev', web, { status: readyStatus });
    expect(areBack(former, [next])).toBe(true);
    expect(areBack(former, [...former, next])).toBe(false);
  });

  test('are not back while there is none yet, or none that is ready', () => {
    expect(areBack(former, [])).toBe(false);
    expect(areBack(former, [pod('web-1-y', 'web:dev', web, { status: { phase: 'Pending' } })])).toBe(false);
    expect(areBack(former, [pod('db-1', 'x', { kind: 'StatefulSet', uid: 'db' }, { status: readyStatus })])).toBe(
      false,
    );
  });
});

test('a chart has changed when one of its files, its values or what is set has, and not before', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'digest-'));
  const write = (name: string, text: string) => writeFileSync(path.join(directory, name), text);
  mkdirSync(path.join(directory, 'chart', 'templates'), { recursive: true });
  write('chart/Chart.yaml', 'name: small');
  write('chart/templates/a.yaml', '{{ randAlphaNum 8 }}');
  write('values.yaml', 'a: 1');
  const chart = {
    helm: '/bin/helm',
    release: 'r',
    namespace: 'n',
    chart: path.join(directory, 'chart'),
    title: 'small 1.0.0',
    kubernetes: undefined,
    valuesFiles: [path.join(directory, 'values.yaml')],
    set: [],
  };
  const first = await digestChart(chart);
  expect(await digestChart({ ...chart, helm: '/other/helm' })).toBe(first);
  expect(await digestChart({ ...chart, set: ['a=2'] })).not.toBe(first);
  write('values.yaml', 'a: 2');
  const second = await digestChart(chart);
  expect(second).not.toBe(first);
  write('chart/templates/b.yaml', '');
  expect(await digestChart(chart)).not.toBe(second);
  rmSync(directory, { recursive: true });
});
