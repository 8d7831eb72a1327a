/** A hostile collector: code in its container controls its list, the content of its tar, and its checksums. */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Header, pack } from 'tar-stream';
import { expect } from 'vitest';
import { type PullEnd, ResultsPuller, type ResultsSource } from '../../src/results/pull-results.ts';
import { type Attempt, testAttack } from './attempts.ts';

const signal = new AbortController().signal;
const content = 'sent by the collector';
const victimContent = 'a file of the runner';
const sha256 = createHash('sha256').update(content).digest('hex');

interface Sent {
  header: Header;
  body: string;
}

interface Look {
  /** Names that the list has, as files. */
  listed: string[];
  sent: Sent[];
  /** Its answer for every checksum. */
  hash?: string;
}

const endMark = 'k8s-test-end//\n';

/** Archives are read as latin1, since a name may be any bytes. */
const inBytes = (name: string): string => Buffer.from(name).toString('latin1');

/** Answers each script of the puller as it likes. Looks go one after the other; the last one stays. */
class HostileSource implements ResultsSource {
  readonly directory = '/results';
  readonly #looks: Look[];
  #look: Look;

  constructor(looks: Look[]) {
    this.#looks = [...looks];
    this.#look = looks[0]!;
  }

  async run(script: string, _args: string[], options: Parameters<ResultsSource['run']>[2]) {
    if (script.includes('find .')) {
      this.#look = this.#looks.shift() ?? this.#look;
      const lines = this.#look.listed.map((name) => `f ${content.length} 1000000000 ./${inBytes(name)}//\n`);
      await options.onStdout(Buffer.from(lines.join('') + endMark, 'latin1'));
    } else if (script.includes('tar -cf')) await this.#send(options.onStdout);
    else {
      const asked = (options.stdin ?? Buffer.alloc(0)).toString('latin1').split('\0').slice(0, -1);
      const hash = this.#look.hash ?? sha256;
      const lines = asked.map((name) => (script.includes('for f') ? `${hash}\n` : `${hash}  ${name}\n`));
      await options.onStdout(Buffer.from(lines.join('') + endMark, 'latin1'));
    }
    return { exitCode: 0, stderr: '' };
  }

  async #send(onStdout: (chunk: Buffer) => Promise<void> | void): Promise<void> {
    const archive = pack();
    for (const { header, body } of this.#look.sent) {
      if (body === '') archive.entry(header);
      else archive.entry(header, body);
    }
    archive.finalize();
    for await (const chunk of archive) await onStdout(chunk as Buffer);
  }
}

const names = [
  'plain.xml',
  '../escaped',
  '../../escaped',
  'a/../../escaped',
  'a/../b',
  './../escaped',
  '/tmp/k8s-test-escaped',
  '//escaped',
  '..',
  '.',
  'a//b',
  'a/./b',
  'a/..',
  '../here-too/escaped',
  'link/escaped',
  '.k8s-test-incoming',
  '.k8s-test-incoming/draft',
  'new\nline',
  'back\\slash\\..\\x',
  'ä.xml',
  '\u00ff\u00fe',
  '-rf',
  'x'.repeat(200),
  `${'d/'.repeat(60)}deep`,
  '__proto__',
  'constructor/prototype',
  'C:\\escaped',
  '%2e%2e/escaped',
];
const types = [
  'file',
  'contiguous-file',
  'link',
  'symlink',
  'directory',
  'fifo',
  'character-device',
  'block-device',
] as const;
const targets = ['../victim', '/etc/hostname', 'plain.xml', '../../../etc/hostname'];
const modes = [0o644, 0o7777];

/** Everything below a directory: what it is, with its mode and its content. */
function listAll(directory: string): Map<string, { kind: string; mode: number; content: string }> {
  const all = new Map<string, { kind: string; mode: number; content: string }>();
  for (const name of readdirSync(directory, { recursive: true, encoding: 'latin1' })) {
    const file = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);
    const stat = lstatSync(file);
    const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
    all.set(name, { kind, mode: stat.mode & 0o7777, content: kind === 'file' ? readFileSync(file, 'latin1') : '' });
  }
  return all;
}

/** The result of a pull, with a check that nothing is outside of the directory of the results. */
async function pull(looks: Look[]): Promise<{ end: PullEnd | string; here: ReturnType<typeof listAll> }> {
  const root = mkdtempSync(path.join(tmpdir(), 'hostile-tar-'));
  try {
    const results = path.join(root, 'run', 'results');
    mkdirSync(results, { recursive: true });
    writeFileSync(path.join(root, 'victim'), victimContent, { mode: 0o600 });
    writeFileSync(path.join(root, 'run', 'victim'), victimContent, { mode: 0o600 });
    const source = new HostileSource(looks);
    const puller = new ResultsPuller({
      openSource: () => source,
      directory: results,
      limits: { totalBytes: 1e6, files: 1000 },
    });
    let end: PullEnd | string;
    try {
      for (let i = 1; i < looks.length; i++) await puller.round(signal);
      end = await puller.finish(signal);
    } catch (error) {
      end = error instanceof Error ? error.message : String(error);
    }
    await puller.close();
    const outside = [...listAll(root)].filter(([name]) => !name.startsWith('run/results/'));
    expect(outside.map(([name]) => name).sort()).toEqual(['run', 'run/results', 'run/victim', 'victim']);
    for (const [name, one] of outside)
      if (name.endsWith('victim')) expect(one).toEqual({ kind: 'file', mode: 0o600, content: victimContent });
    return { end, here: listAll(results) };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function expectPlain(here: ReturnType<typeof listAll>): void {
  for (const [name, { kind, mode, content: found }] of here) {
    expect(kind, name).not.toBe('other');
    expect(mode & 0o7000, name).toBe(0);
    if (kind !== 'file') continue;
    expect(mode & 0o111, name).toBe(0);
    expect(found, name).toBe(content);
  }
}

function entry(name: string, type: (typeof types)[number], mode: number, linkname: string): Sent {
  const hasBody = type === 'file' || type === 'contiguous-file';
  const header = { name, type, mode, ...(type === 'link' || type === 'symlink' ? { linkname } : {}) } as Header;
  return { header: { ...header, mtime: new Date(1e12) }, body: hasBody ? content : '' };
}

async function attemptEntries(attempt: Attempt): Promise<void> {
  for (const name of names)
    for (const type of types)
      for (const mode of modes)
        for (const target of type === 'link' || type === 'symlink' ? targets : targets.slice(0, 1))
          for (const isAsked of [true, false])
            await attempt(
              `${type} ${JSON.stringify(name)} → ${target}, mode ${mode.toString(8)}, ${isAsked ? '' : 'not '}listed`,
              async () => {
                const plain = entry('plain.xml', 'file', 0o644, '');
                const { here } = await pull([
                  {
                    listed: isAsked ? ['plain.xml', name] : ['plain.xml'],
                    sent: [plain, entry(name, type, mode, target)],
                  },
                ]);
                expectPlain(here);
                if (!isAsked) expect([...here.keys()]).toEqual(['plain.xml']);
              },
            );
}

testAttack(
  'tar',
  'no entry of a hostile collector leaves the results, and only plain files come of it',
  attemptEntries,
  300_000,
);

testAttack('tar', 'what a collector sends otherwise than it lists is not accepted as complete', async (attempt) => {
  const wrongHashes = ['', '-', '0'.repeat(64), sha256.toUpperCase(), `${sha256}0`, '__proto__'];
  const listed = ['plain.xml', 'a/b.xml', 'ä.xml', 'new\nline.xml', 'back\\slash.xml', '__proto__'];
  for (const name of listed) {
    for (const hash of wrongHashes)
      await attempt(`${JSON.stringify(name)} with the checksum ${hash.slice(0, 10)}`, async () => {
        const { end } = await pull([{ listed: [name], sent: [entry(name, 'file', 0o644, '')], hash }]);
        expect(typeof end === 'string' ? [name] : end.incomplete).toHaveLength(1);
      });
    for (const type of types.filter((one) => !one.endsWith('file')))
      await attempt(`${JSON.stringify(name)} as ${type}`, async () => {
        const { end, here } = await pull([{ listed: [name], sent: [entry(name, type, 0o644, 'elsewhere')] }]);
        expect(typeof end === 'string' ? [name] : end.incomplete).toHaveLength(1);
        expect([...here.values()].filter(({ kind }) => kind === 'file')).toEqual([]);
      });
    await attempt(`${JSON.stringify(name)} twice, once as a link to the first`, async () => {
      const { here } = await pull([
        {
          listed: [name],
          sent: [
            entry(name, 'symlink', 0o777, '../victim'),
            entry(name, 'file', 0o644, ''),
            entry(name, 'link', 0o644, name),
          ],
        },
      ]);
      expectPlain(here);
    });
  }
});
testAttack(
  'tar',
  'files and directories that change places between looks do not end the collection',
  async (attempt) => {
    const shapes: Record<string, string[]> = {
      'a file': ['x'],
      'a directory with a file': ['x/y'],
      'a deep directory': ['x/y/z/w'],
      'a file beside': ['xx'],
      'our own draft': ['.k8s-test-incoming'],
      'files in our own draft': ['.k8s-test-incoming/draft'],
      nothing: [],
    };
    const lookOf = (listed: string[]): Look => ({ listed, sent: listed.map((name) => entry(name, 'file', 0o644, '')) });
    for (const [first, before] of Object.entries(shapes))
      for (const [second, after] of Object.entries(shapes))
        for (const [third, last] of Object.entries(shapes))
          await attempt(`${first}, then ${second}, then ${third}`, async () => {
            const { end, here } = await pull([before, after, last].map(lookOf));
            expect(typeof end === 'string' ? end : end.incomplete).toEqual([]);
            expect([...here].filter(([, { kind }]) => kind === 'file').map(([name]) => name)).toEqual(last);
            expectPlain(here);
          });
  },
);
