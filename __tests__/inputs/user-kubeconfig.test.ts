import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { readUserKubeconfig } from '../../src/inputs/user-kubeconfig.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'kubeconfig-'));
const write = (name: string, config: object) => {
  const file = path.join(directory, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(config));
  return file;
};
const first = write('first', {
  contexts: [{ name: 'staging', context: { cluster: 'east', user: 'runner' } }],
  clusters: [{ name: 'east', cluster: { server: 'https://east:6443', 'certificate-authority': 'pki/ca.crt' } }],
  users: [{ name: 'runner', user: { exec: { command: './login', apiVersion: 'v1' } } }],
});
write('pki/ca.crt', {});
const second = write('second', {
  'current-context': 'production',
  contexts: [
    { name: 'staging', context: { cluster: 'elsewhere', user: 'nobody' } },
    { name: 'production', context: { cluster: 'west', user: 'admin' } },
    { name: 'torn', context: { cluster: 'gone', user: 'admin' } },
  ],
  clusters: [{ name: 'west', cluster: { server: 'https://west' } }],
  users: [{ name: 'admin', user: { token: 'secret-token' } }],
});
const both = { KUBECONFIG: [first, path.join(directory, 'missing'), second].join(path.delimiter) };
const read = (context?: string, env: NodeJS.ProcessEnv = both, file?: string) =>
  readUserKubeconfig({ file, context, env });

test('files of KUBECONFIG are merged as kubectl does: the first value wins, missing files are skipped', () => {
  expect(read().kubeconfig).toMatchObject({ context: 'production', server: 'https://west', secrets: ['secret-token'] });
  const { kubeconfig } = read('staging');
  expect(kubeconfig).toMatchObject({ context: 'staging', server: 'https://east:6443', user: 'runner' });
  expect(load(kubeconfig!.yaml)).toMatchObject({
    'current-context': 'staging',
    clusters: [{ cluster: { 'certificate-authority': path.join(directory, 'pki/ca.crt') } }],
    users: [{ user: { exec: { command: path.join(directory, 'login') } } }],
  });
  // No other user's credentials are in the file that we write.
  expect(kubeconfig!.yaml).not.toContain('secret-token');
});

test('a file that is given is the only one, and ~/.kube/config is the last resort', () => {
  expect(read(undefined, both, second).kubeconfig?.origin).toBe(second);
  write('home/.kube/config', { 'current-context': 'x', contexts: [{ name: 'x', context: {} }] });
  expect(read(undefined, { HOME: path.join(directory, 'home') }).problem).toMatchObject({
    input: 'context',
    problem: expect.stringContaining('names the cluster "", which'),
  });
});

test('a wrong context is answered with those that there are', () => {
  expect(read('stagging').problem).toEqual({
    input: 'context',
    value: 'stagging',
    problem: `is not a context of the kubeconfig: ${first}:${second} has production, staging, torn`,
  });
  expect(read('torn').problem?.problem).toMatch(/^names the cluster "gone", which .* has production, staging, torn$/);
  expect(read(undefined, { KUBECONFIG: first }).problem).toMatchObject({
    input: 'context',
    problem: expect.stringMatching(/^is not given, and no context is the current one; .* has staging$/),
  });
});

test('an invalid or missing kubeconfig is reported', () => {
  writeFileSync(path.join(directory, 'broken'), 'a: [');
  expect(read(undefined, both, path.join(directory, 'broken')).problem).toMatchObject({
    input: 'kubeconfig',
    problem: expect.stringMatching(/^cannot be read as YAML/),
  });
  expect(read(undefined, { HOME: '/nowhere' }).problem?.problem).toMatch(
    /^needs a kubeconfig, and there is none at \/nowhere\/.kube\/config; name one with kubeconfig$/,
  );
});

test('the end of a token is read out of it', () => {
  const token = `x.${Buffer.from('{"exp":1767225600}').toString('base64url')}.x`;
  const file = write('token', {
    'current-context': 'a',
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    clusters: [{ name: 'a', cluster: { server: 'https://a' } }],
    users: [{ name: 'a', user: { token } }],
  });
  expect(read(undefined, {}, file).kubeconfig?.expiresAt).toBe('2026-01-01T00:00:00.000Z');
});

test('a certificate or token file that is not there is named before the run begins, and not by a timeout', () => {
  const askWith = (cluster: object, user: object) =>
    readUserKubeconfig({
      file: write('with-files', {
        'current-context': 'a',
        contexts: [{ name: 'a', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server: 'https://c', ...cluster } }],
        users: [{ name: 'u', user }],
      }),
      context: undefined,
      env: {},
    }).problem?.problem;
  const gone = path.join(directory, 'gone');
  expect(askWith({ 'certificate-authority': 'gone' }, {})).toBe(
    `names the certificate-authority ${gone}, which does not exist (looked for ${gone})`,
  );
  for (const key of ['client-certificate', 'client-key', 'tokenFile'])
    expect(askWith({}, { [key]: 'gone' })).toMatch(new RegExp(`^names the ${key} ${gone}, which does not exist`));
  expect(askWith({}, { tokenFile: 'pki' })).toBe(
    `names the tokenFile ${path.join(directory, 'pki')}, which is not a file`,
  );
  // As in kubectl, the inline content of the entry takes precedence.
  expect(askWith({ 'certificate-authority': 'gone', 'certificate-authority-data': 'YQ==' }, {})).toBeUndefined();
});

test('a kubeconfig in YAML 1.1 is read as kubectl reads it: merge keys, yes and no, words that look like numbers', () => {
  const file = path.join(directory, 'yaml-1.1');
  writeFileSync(
    file,
    `apiVersion: v1
kind: Config
current-context: "0123"
contexts: [{name: "0123", context: {cluster: lab, user: me}}]
clusters:
- name: other
  cluster: &common {insecure-skip-tls-verify: yes, server: https://other}
- name: lab
  cluster: {<<: *common, server: https://lab}
users: [{name: me, user: {token: !!str 0400}}]
`,
  );
  const { kubeconfig } = read(undefined, both, file);
  expect(kubeconfig).toMatchObject({ context: '0123', server: 'https://lab', secrets: ['0400'] });
  expect(load(kubeconfig?.yaml ?? '')).toMatchObject({
    clusters: [{ cluster: { 'insecure-skip-tls-verify': true, server: 'https://lab' } }],
    users: [{ user: { token: '0400' } }],
  });
});
