import { describe, expect, test } from 'vitest';
import {
  findPlatform,
  nodeImages,
  parseChecksums,
  pinnedTools,
  toolFileName,
  toolUrl,
} from '../../src/tools/versions.ts';

describe('the pins', () => {
  test('have a checksum of their own for each platform', () => {
    const checksums = Object.values(pinnedTools).flatMap((tool) => Object.values(tool.sha256));
    expect(checksums).toHaveLength(8);
    expect(new Set(checksums).size).toBe(8);
    for (const checksum of checksums) expect(checksum).toMatch(/^[0-9a-f]{64}$/);
  });

  test('name node images by digest, each under its own version', () => {
    for (const [version, image] of Object.entries(nodeImages)) {
      expect(image).toMatch(/^kindest\/node:v1\.\d+\.\d+@sha256:[0-9a-f]{64}$/);
      expect(image).toContain(`:${version}@`);
    }
  });
});

describe('a place to download from', () => {
  test.each([
    [
      'kind',
      'v0.32.0',
      undefined,
      'https://github.com/kubernetes-sigs/kind/releases/download/v0.32.0/kind-linux-amd64',
    ],
    ['helm', '4.1.4', undefined, 'https://get.helm.sh/helm-v4.1.4-linux-amd64.tar.gz'],
    ['kind', 'v0.32.0', 'https://mirror.test/a/b/', 'https://mirror.test/a/b/kind-linux-amd64'],
    ['helm', 'v4.1.4', 'http://mirror.test?sig=1', 'http://mirror.test/helm-v4.1.4-linux-amd64.tar.gz?sig=1'],
  ] as const)('of %s %s at mirror %s is %s', (name, version, mirror, url) => {
    expect(toolUrl(name, version, 'linux-amd64', mirror).href).toBe(url);
  });

  test.each([
    ['linux', 'x64', 'linux-amd64'],
    ['linux', 'arm64', 'linux-arm64'],
    ['darwin', 'x64', 'darwin-amd64'],
    ['darwin', 'arm64', 'darwin-arm64'],
    ['win32', 'x64', undefined],
    ['linux', 'ppc64', undefined],
    ['linux', 'ia32', undefined],
  ])('for Node on %s and %s is that of %s', (system, architecture, platform) => {
    expect(findPlatform(system, architecture)).toBe(platform);
  });

  test('has its files under the names of the releases', () => {
    expect(toolFileName('kind', 'v0.32.0', 'darwin-arm64')).toBe('kind-darwin-arm64');
    expect(toolFileName('helm', 'v4.1.4', 'linux-arm64')).toBe('helm-v4.1.4-linux-arm64.tar.gz');
  });
});

describe('a checksum file', () => {
  const a = 'a'.repeat(64);
  const b = 'b'.repeat(64);

  test('is read as sha256sum writes it', () => {
    const text = `# ours\r\n${a.toUpperCase()}  kind-linux-amd64\r\n\n${b} *dist/linux/helm-v4.1.4-linux-amd64.tar.gz\n`;
    expect([...parseChecksums(text)]).toEqual([
      ['kind-linux-amd64', a],
      ['helm-v4.1.4-linux-amd64.tar.gz', b],
    ]);
  });

  test('may contain the same line twice, but no different ones', () => {
    expect(parseChecksums(`${a}  kind\n${a}  x/kind\n`).get('kind')).toBe(a);
    expect(() => parseChecksums(`${a}  kind\n${b}  kind\n`)).toThrow('line 2 gives kind a second checksum');
  });

  test.each([[`${a}`], [`${a.slice(1)}  kind`], ['kind  sha256:abc'], [`${a}  `], ['<html>']])(
    'with the line %s is refused by its number',
    (line) => {
      expect(() => parseChecksums(`\n${line}\n`)).toThrow('line 2 is not "<sha256>  <file name>"');
    },
  );
});
