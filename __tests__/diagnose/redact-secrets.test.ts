import { expect, test } from 'vitest';
import { redactObject } from '../../src/diagnose/redact-secrets.ts';

test('secrets in pods are taken out, and what explains a fault stays', () => {
  const pod = {
    kind: 'Pod',
    metadata: {
      name: 'web',
      managedFields: [{ manager: 'kubectl' }],
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"x":"hunter2"}', team: 'data' },
    },
    spec: {
      containers: [
        {
          env: [
            { name: 'POSTGRES_PASSWORD', value: 'hunter2' },
            { name: 'DATABASE_URL', value: 'postgresql://floe:hunter2@postgres:5432/floe' },
            { name: 'API_TOKEN', valueFrom: { secretKeyRef: { name: 'api', key: 'token' } } },
            { name: 'LOG_LEVEL', value: 'debug' },
            { name: 'EMPTY_SECRET', value: '' },
          ],
          args: ['--password', 'hunter2', '--token=hunter2', '--port=80', 'redis://:hunter2@redis:6379'],
        },
      ],
    },
  };
  const redacted = JSON.stringify(redactObject([pod]));
  expect(redacted).not.toContain('hunter2');
  expect(redacted).not.toContain('managedFields');
  expect(redactObject(pod)).toMatchObject({
    metadata: { name: 'web', annotations: { team: 'data' } },
    spec: {
      containers: [
        {
          env: [
            { name: 'POSTGRES_PASSWORD', value: '***' },
            { value: 'postgresql://floe:***@postgres:5432/floe' },
            { valueFrom: { secretKeyRef: { name: 'api', key: 'token' } } },
            { name: 'LOG_LEVEL', value: 'debug' },
            { name: 'EMPTY_SECRET', value: '' },
          ],
          args: ['--password', '***', '--token=***', '--port=80', 'redis://:***@redis:6379'],
        },
      ],
    },
  });
});

test('a Secret keeps only its keys, also in a list', () => {
  const secret = { kind: 'Secret', data: { password: 'aHVudGVyMg==' }, stringData: { token: 'hunter2' } };
  expect(redactObject({ kind: 'List', items: [secret] })).toEqual({
    kind: 'List',
    items: [{ kind: 'Secret', data: { password: '***' }, stringData: { token: '***' } }],
  });
});

test('dates, numbers and nothing stay what they are', () => {
  expect(redactObject({ a: null, b: 1, c: true, d: undefined, e: 'https://example.com/x@y' })).toEqual({
    a: null,
    b: 1,
    c: true,
    d: undefined,
    e: 'https://example.com/x@y',
  });
});
