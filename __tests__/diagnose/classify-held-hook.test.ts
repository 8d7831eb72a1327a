import { describe, expect, test } from 'vitest';
import { findDiagnoses } from '../../src/diagnose/find-diagnoses.ts';
import type { HeldHook, NamespaceFacts } from '../../src/diagnose/namespace-facts.ts';
import { judgeStanding, recorded } from './recorded.ts';

const migrations: HeldHook = {
  title: 'post-install hook Job floe-test-run-airflow-migrations',
  name: 'floe-test-run-airflow-migrations',
  words: ['migrations'],
  claims: [],
};
const held = (fault: string, ...heldHooks: HeldHook[]): NamespaceFacts => ({ ...recorded(fault), heldHooks });

describe('pods that wait for a hook, which helm makes only when they are ready', () => {
  test('are reported within seconds of a standstill, whether their init containers keep running or fail', () => {
    const facts = held('held-hook', migrations);
    const told = findDiagnoses(facts).filter(({ failure }) => /wait for each other/.test(failure.reason));
    expect(told.map(({ container }) => container)).toEqual([
      'wait-for-airflow-migrations',
      'wait-for-airflow-migrations',
    ]);
    const { afterSeconds, diagnosis } = judgeStanding(facts)!;
    expect(afterSeconds).toBe(6);
    expect(diagnosis.failure.reason).toMatch(
      /^init container wait-for-airflow-migrations of pod (webserver|worker)-\S+ waits for the post-install hook Job floe-test-run-airflow-migrations, which helm creates only when all pods are ready: they wait for each other$/,
    );
    expect(diagnosis.failure.hint).toMatch(/helm-wait: false.*migrateDatabaseJob\.useHelmHooks=false/);
  });

  test('are not reported while helm does not wait, or has no such hook', () => {
    for (const facts of [
      recorded('held-hook'),
      held('held-hook'),
      held('held-hook', { ...migrations, words: ['users'] }),
    ])
      expect(JSON.stringify(findDiagnoses(facts))).not.toMatch(/wait for each other/);
  });

  test('are others than those that wait for something else, or work', () => {
    expect(judgeStanding(held('init-waits', migrations))).toBeUndefined();
    const facts = held('held-hook', migrations);
    const working = facts.pods.map((pod) => ({
      ...pod,
      spec: {
        ...pod.spec,
        initContainers: pod.spec.initContainers?.map((one) => ({ ...one, command: ['fetch', 'migrations'] })) ?? [],
      },
    }));
    const renamed = JSON.parse(
      JSON.stringify(working).replaceAll('wait-for-airflow-migrations', 'fetch-migrations'),
    ) as NamespaceFacts['pods'];
    expect(JSON.stringify(findDiagnoses({ ...facts, pods: renamed }))).not.toMatch(/wait for each other/);
  });

  test('are waited for longer while others start, which may yet bring it', () => {
    const facts = held('held-hook', migrations);
    const starting = { ...facts, pods: [...facts.pods, ...recorded('never-ready-exec').pods] };
    expect(judgeStanding(starting)?.afterSeconds).toBe(180);
  });
});

describe('a claim that gets its volume with its first pod', () => {
  const claim = (...heldHooks: HeldHook[]) => held('claim-first-consumer', ...heldHooks);

  test('and is mounted by none is reported after a minute, since helm waits for it', () => {
    const reason = expect.stringMatching(/^PersistentVolumeClaim warehouse-data is mounted by no pod, .*helm waits/);
    expect(judgeStanding(claim())).toMatchObject({ afterSeconds: 60, diagnosis: { failure: { reason } } });
  });

  test('which is the pod of a hook that helm holds back: they wait for each other', () => {
    const hook = { ...migrations, claims: ['warehouse-data'] };
    const reason = expect.stringMatching(
      /that of the post-install hook Job \S+, which helm creates only when everything is ready/,
    );
    expect(judgeStanding(claim(hook))).toMatchObject({ afterSeconds: 6, diagnosis: { failure: { reason } } });
  });

  test('is well while a pod mounts it, or nothing waits for it', () => {
    expect(findDiagnoses(recorded('claim-first-consumer'))).toEqual([]);
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'warehouse-data' } }];
    const pods = claim().pods.map((pod) => ({ ...pod, spec: { ...pod.spec, volumes } }));
    expect(findDiagnoses({ ...claim(), pods })).toEqual([]);
  });
});
