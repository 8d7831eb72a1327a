import { describe, expect, test } from 'vitest';
import { judgeReached, judgeService } from '../../src/platform/judge-services.ts';
import { dnsQuestion, readProbe } from '../../src/platform/probe-from-node.ts';
import { recorded } from '../diagnose/recorded.ts';

const facts = recorded('rolling-update');
const pods = facts.pods;
const unready = recorded('never-ready-exec').pods;
const service = (spec: object = {}, name = 'web') => ({
  metadata: { name, uid: name, annotations: { 'meta.helm.sh/release-name': 'floe-test' } },
  spec: { clusterIP: '10.96.0.7', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});
const slice = (ports: object[], ready = true) => ({
  metadata: { name: 'web-x', uid: 's', labels: { 'kubernetes.io/service-name': 'web' } },
  endpoints: [{ addresses: ['10.244.0.9'], conditions: { ready } }],
  ports: ports as { name?: string; port?: number; protocol?: string }[],
});
const there = { pods, workloads: facts.deployments, services: [] };

describe('a Service of the platform', () => {
  test('with ready endpoints is reached by its address and TCP ports', () => {
    const state = judgeService(service({ ports: [{ port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }] }), {
      ...there,
      slices: [slice([{ name: '', port: 8080 }])],
    });
    expect(state).toEqual({ kind: 'ready', targets: [{ address: '10.96.0.7', port: 80 }] });
  });

  test('without an address of its own is reached by its pods', () => {
    const state = judgeService(service({ clusterIP: 'None' }), {
      ...there,
      slices: [slice([{ name: '', port: 8080 }])],
    });
    expect(state).toEqual({ kind: 'ready', targets: [{ address: '10.244.0.9', port: 8080 }] });
  });

  test('whose named port no container has leads nowhere', () => {
    const state = judgeService(service({ ports: [{ port: 80, targetPort: 'http' }] }), {
      ...there,
      slices: [{ ...slice([]), ports: null }],
    });
    expect(state).toMatchObject({ kind: 'broken', words: expect.stringContaining('container port "http"') });
  });

  test('whose pods are not ready may become so', () => {
    const state = judgeService(service(), { ...there, pods: unready, slices: [slice([{ port: 8080 }], false)] });
    expect(state).toMatchObject({ kind: 'unready', words: expect.stringContaining('is not ready') });
  });

  test('that selects no pod is reported, unless its workload is scaled to zero', () => {
    const state = judgeService(service({ selector: { app: 'wbe' } }), { ...there, slices: [] });
    expect(state).toEqual({ kind: 'no-pods', words: 'Service web selects no pod: none has the labels app=wbe' });
    expect(judgeService(service(), { ...there, pods: [], slices: [] })).toEqual({ kind: 'ready', targets: [] });
  });

  test('for another name, or without a selector, is none of our business', () => {
    expect(judgeService(service({ type: 'ExternalName' }), { ...there, slices: [] }).kind).toBe('ready');
    expect(judgeService(service({ selector: {} }), { ...there, slices: [] }).kind).toBe('ready');
  });
});

test('a Service is broken when each of its ports refuses; a dead one beside a living one is not our business', () => {
  expect(judgeReached(['accepted', 'refused'])).toBe('well');
  expect(judgeReached(['refused', 'refused'])).toBe('broken');
  expect(judgeReached(['silent'])).toBe('silent');
  expect(judgeReached([])).toBe('well');
});

test('what the node printed, in any order', () => {
  expect(readProbe('tcp 1 1\ndns 0 0\ntcp 2 124\ntcp 0 0\n', 4, '')).toEqual({
    dns: 'answers',
    reached: ['accepted', 'refused', 'silent', 'accepted'],
    problem: '',
  });
  expect(readProbe('dns 0 1\n', 0, '').dns).toBe('silent');
});

test('a DNS question has the format of RFC 1035', () => {
  expect(dnsQuestion('a.bc').toString('hex')).toBe('5a5a0100000100000000000001610262630000010001');
});
