import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderPullSecret, spellingsOf } from '../../src/cluster/pull-secret.ts';
import { readCredentials } from '../../src/cluster/registry-credentials.ts';

const canary = 'canary-4711:with:colons';
const auth = Buffer.from(`me:${canary}`).toString('base64');
let directory: string;
const pathBefore = process.env.PATH;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'docker-config-'));
});
afterEach(() => {
  process.env.PATH = pathBefore;
  rmSync(directory, { recursive: true });
});

function read(registries: string[]) {
  return readCredentials(registries, { env: { DOCKER_CONFIG: directory }, signal: AbortSignal.timeout(20_000) });
}
const writeConfig = (config: object | string) =>
  writeFileSync(path.join(directory, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));

/** A credential helper, as programs of this name on the PATH are. */
function placeHelper(name: string, script: string): void {
  const file = path.join(directory, `docker-credential-${name}`);
  writeFileSync(file, `#!/bin/sh\nread -r server\n${script}\n`);
  chmodSync(file, 0o755);
  process.env.PATH = `${directory}:${pathBefore}`;
}

describe('credentials', () => {
  test.each([
    ['a host', 'ghcr.io', 'ghcr.io'],
    ['an address of old', 'https://ghcr.io/v1/', 'ghcr.io'],
    ["Docker Hub's own key", 'https://index.docker.io/v1/', 'docker.io'],
    ['a host with a port', '10.0.0.5:5000', '10.0.0.5:5000'],
  ])('under %s are found', async (_, key, registry) => {
    writeConfig({ auths: { [key]: { auth }, 'other.example': { auth } } });
    expect(await read([registry])).toEqual({
      credentials: [{ registry, path: '', username: 'me', password: canary }],
      problems: [],
    });
  });

  test('of one host by path are all found, and given to the kubelet, which takes the longest path', async () => {
    const other = Buffer.from('acme:theirs').toString('base64');
    writeConfig({ auths: { 'ghcr.io/acme': { auth: other }, 'https://ghcr.io/v2/': { auth } } });
    const { credentials } = await read(['ghcr.io']);
    expect(credentials).toEqual([
      { registry: 'ghcr.io', path: '/acme', username: 'acme', password: 'theirs' },
      { registry: 'ghcr.io', path: '', username: 'me', password: canary },
    ]);
    const secret = renderPullSecret(credentials, { namespace: 'n', labels: {} }) as { data: Record<string, string> };
    expect(JSON.parse(Buffer.from(secret.data['.dockerconfigjson']!, 'base64').toString())).toEqual({
      auths: { 'ghcr.io/acme': { auth: other }, 'ghcr.io': { auth } },
    });
  });

  test('of registries that are not needed are not read', async () => {
    writeConfig({ auths: { 'other.example': { auth } } });
    expect(await read(['ghcr.io'])).toEqual({ credentials: [], problems: [] });
  });

  test('are none where there is no docker config', async () => {
    expect(await read(['ghcr.io'])).toEqual({ credentials: [], problems: [] });
  });

  test('are read from the helper of a registry, which overrides the file', async () => {
    writeConfig({ auths: { 'ghcr.io': { auth } }, credHelpers: { 'ghcr.io': 'mine' } });
    placeHelper(
      'mine',
      `[ "$1" = get ] && printf '{"ServerURL":"%s","Username":"h","Secret":"s-%s"}' "$server" "$server"`,
    );
    expect(await read(['ghcr.io'])).toEqual({
      credentials: [{ registry: 'ghcr.io', path: '', username: 'h', password: 's-ghcr.io' }],
      problems: [],
    });
  });

  test('are read from the common store, which has Docker Hub under its old name', async () => {
    writeConfig({ auths: { 'https://index.docker.io/v1/': {} }, credsStore: 'all' });
    placeHelper('all', `printf '{"Username":"h","Secret":"%s"}' "$server"`);
    const { credentials } = await read(['docker.io']);
    expect(credentials).toEqual([
      { registry: 'docker.io', path: '', username: 'h', password: 'https://index.docker.io/v1/' },
    ]);
  });

  test('that a helper does not have are none, and no trouble', async () => {
    writeConfig({ credsStore: 'empty' });
    placeHelper('empty', 'echo "credentials not found in native keychain"; exit 1');
    expect(await read(['ghcr.io'])).toEqual({ credentials: [], problems: [] });
  });

  test.each<[string, object | string, RegExp]>([
    ['a helper that is not there', { credsStore: 'absent' }, /docker-credential-absent .*ghcr\.io/],
    [
      'a token that Kubernetes cannot use',
      { auths: { 'ghcr.io': { auth, identitytoken: canary } } },
      /identity token for ghcr\.io/,
    ],
    ['a file that is not JSON', `{"auths": {"ghcr.io": {"auth": "${auth}"`, /config\.json is not JSON/],
    ['a file that is something else', { auths: [auth] }, /is not a docker config/],
  ])('%s is told, without a word of the secret', async (_, config, words) => {
    writeConfig(config);
    const { credentials, problems } = await read(['ghcr.io']);
    expect(credentials).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(words)]);
    expect(JSON.stringify(problems)).not.toMatch(/canary/);
    expect(JSON.stringify(problems)).not.toContain(auth);
  });
});

test('the Secret is what the kubelet reads, and all spellings of the password are masked', () => {
  const credentials = { registry: 'docker.io', path: '', username: 'me', password: canary };
  const secret = renderPullSecret([credentials], { namespace: 'n', labels: {} }) as {
    type: string;
    data: Record<string, string>;
  };
  expect(secret.type).toBe('kubernetes.io/dockerconfigjson');
  expect(JSON.parse(Buffer.from(secret.data['.dockerconfigjson']!, 'base64').toString())).toEqual({
    auths: { 'https://index.docker.io/v1/': { auth } },
  });
  expect(spellingsOf(credentials)).toEqual([canary, auth]);
});
