import { spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ResultsPuller, type ResultsSource } from '../../src/results/pull-results.ts';

const signal = AbortSignal.timeout(60_000);
let root: string;
let there: string;
let here: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'pull-'));
  there = path.join(root, 'there');
  here = path.join(root, 'here');
  mkdirSync(there);
  mkdirSync(here);
});
afterEach(() => rmSync(root, { recursive: true }));

/** A shell on this machine, as the one in a container would be; `onRun` is called with each script before it is run. */
function localSource(onRun: (script: string) => void = () => {}): ResultsSource {
  return {
    directory: there,
    run: async (script, args, options) => {
      onRun(script);
      const child = spawn('sh', ['-c', script, 'sh', ...args]);
      const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
      child.stdin.on('error', () => undefined);
      child.stdin.end(options.stdin ?? '');
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk;
      });
      for await (const chunk of child.stdout) await options.onStdout(chunk as Buffer);
      return { exitCode: await ended, stderr };
    },
  };
}

function pullerOf(source: ResultsSource, totalBytes = 1e9, files = 1000): ResultsPuller {
  return new ResultsPuller({ openSource: () => source, directory: here, limits: { totalBytes, files } });
}

describe('results are fetched', () => {
  test('byte for byte with their times, with any names', async () => {
    const names = [
      'a.xml',
      'with blank',
      'new\nline',
      'back\\slash',
      '-rf',
      'ä:"<>|*?',
      'deep/er/file',
      `${'long'.repeat(50)}`,
    ];
    for (const [i, name] of names.entries()) {
      mkdirSync(path.dirname(path.join(there, name)), { recursive: true });
      writeFileSync(path.join(there, name), Buffer.from([i, 0, 255, 10]));
    }
    writeFileSync(Buffer.concat([Buffer.from(`${there}/`), Buffer.from([0xff, 0xfe])]), 'not UTF-8');
    writeFileSync(path.join(there, 'empty'), '');
    utimesSync(path.join(there, 'a.xml'), 1e9, 1e9);
    linkSync(path.join(there, 'a.xml'), path.join(there, 'hard-link'));
    const puller = pullerOf(localSource());
    const end = await puller.finish(signal);
    await puller.close();
    expect(end).toMatchObject({ files: names.length + 3, incomplete: [], warnings: [] });
    for (const [i, name] of names.entries())
      expect(readFileSync(path.join(here, name))).toEqual(Buffer.from([i, 0, 255, 10]));
    expect(statSync(path.join(here, 'a.xml')).mtimeMs).toBe(1e12);
    expect(readFileSync(path.join(here, 'hard-link'))).toEqual(readFileSync(path.join(there, 'a.xml')));
    expect(readdirSync(here, { encoding: 'buffer' }).map(String)).toHaveLength(readdirSync(there).length);
  });

  test('without links and special files, which are named', async () => {
    writeFileSync(path.join(there, 'real'), '1');
    mkdirSync(path.join(root, 'elsewhere'));
    writeFileSync(path.join(root, 'elsewhere/stranger'), '2');
    symlinkSync('/etc/passwd', path.join(there, 'leak.xml'));
    symlinkSync(path.join(root, 'elsewhere'), path.join(there, 'directory'));
    const end = await pullerOf(localSource()).finish(signal);
    expect(end.files).toBe(1);
    expect(end.warnings).toEqual([expect.stringMatching(/^2 links or special files .*: (directory|leak.xml), /)]);
    expect(readdirSync(here).filter((name) => !name.startsWith('.'))).toEqual(['real']);
  });

  test('although the tests have files by the names of ours, and make directories of files and files of directories', async () => {
    const puller = pullerOf(localSource());
    writeFileSync(path.join(there, '.k8s-test-incoming'), 'theirs');
    writeFileSync(path.join(there, 'turned'), 'a file');
    mkdirSync(path.join(there, 'back'));
    writeFileSync(path.join(there, 'back/in'), 'in a directory');
    await puller.round(signal);
    rmSync(path.join(there, 'turned'));
    mkdirSync(path.join(there, 'turned'));
    writeFileSync(path.join(there, 'turned/in'), 'in a directory');
    rmSync(path.join(there, 'back'), { recursive: true });
    writeFileSync(path.join(there, 'back'), 'a file');
    const end = await puller.finish(signal);
    await puller.close();
    expect(end).toMatchObject({ files: 3, incomplete: [], missing: [] });
    expect(readFileSync(path.join(here, '.k8s-test-incoming'), 'utf8')).toBe('theirs');
    expect(readFileSync(path.join(here, 'turned/in'), 'utf8')).toBe('in a directory');
    expect(readFileSync(path.join(here, 'back'), 'utf8')).toBe('a file');
  });

  test('up to a limit: the small files, and the others by name', async () => {
    writeFileSync(path.join(there, 'core.1'), Buffer.alloc(5000));
    writeFileSync(path.join(there, 'junit.xml'), Buffer.alloc(100));
    const end = await pullerOf(localSource(), 4000).finish(signal);
    expect(existsSync(path.join(here, 'junit.xml'))).toBe(true);
    expect(existsSync(path.join(here, 'core.1'))).toBe(false);
    expect(end.warnings).toEqual([expect.stringMatching(/1 files .*above the limit.*core\.1/)]);
    expect(end.missing).toEqual([{ name: 'core.1', reason: 'it is above results-limit' }]);
  });

  test('as they are in the end, when they change under our hands', async () => {
    const file = path.join(there, 'log');
    writeFileSync(file, 'first');
    utimesSync(file, 1e9, 1e9);
    // Of the same length and time: only its checksum differs.
    const source = localSource((script) => {
      if (!script.includes('sha256sum')) return;
      writeFileSync(file, 'other');
      utimesSync(file, 1e9, 1e9);
    });
    const end = await pullerOf(source).finish(signal);
    expect(end).toMatchObject({ files: 1, incomplete: [] });
    expect(readFileSync(path.join(here, 'log'), 'utf8')).toBe('other');
  });

  test('and what keeps changing is named as incomplete', async () => {
    const file = path.join(there, 'restless');
    writeFileSync(file, '0');
    writeFileSync(path.join(there, 'still'), '1');
    let changes = 0;
    const source = localSource((script) => {
      if (!script.includes('sha256sum')) return;
      changes += 1;
      writeFileSync(file, String(changes));
    });
    const end = await pullerOf(source).finish(signal);
    expect(end).toMatchObject({ files: 1, incomplete: ['restless'] });
  });

  test('although an archive is cut on its way', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(path.join(there, name), Buffer.alloc(100_000, name));
    const whole = localSource();
    let cuts = 0;
    const run: ResultsSource['run'] = (script, args, options) => {
      if (!script.includes('tar') || cuts === 2) return whole.run(script, args, options);
      cuts += 1;
      let left = 150_000;
      const onStdout = async (chunk: Buffer) => {
        await options.onStdout(chunk.subarray(0, left));
        left -= Math.min(left, chunk.length);
      };
      return whole.run(script, args, { ...options, onStdout });
    };
    const end = await pullerOf({ ...whole, run }).finish(signal);
    expect(cuts).toBe(2);
    expect(end).toMatchObject({ files: 3, incomplete: [] });
    for (const name of ['a', 'b', 'c'])
      expect(readFileSync(path.join(here, name))).toEqual(Buffer.alloc(100_000, name));
  });

  test('without what was deleted again', async () => {
    writeFileSync(path.join(there, 'temporary'), '1');
    const puller = pullerOf(localSource());
    await puller.round(signal);
    expect(existsSync(path.join(here, 'temporary'))).toBe(true);
    rmSync(path.join(there, 'temporary'));
    expect(await puller.finish(signal)).toMatchObject({ files: 0, incomplete: [] });
    expect(existsSync(path.join(here, 'temporary'))).toBe(false);
  });
});

test('while tests run only what is new is fetched, and what is missing is known', async () => {
  const sent: string[] = [];
  const source = localSource((script) => {
    if (script.includes('tar')) sent.push(script);
  });
  const puller = pullerOf(source);
  writeFileSync(path.join(there, 'one'), '1');
  await puller.round(signal);
  await puller.round(signal);
  expect(sent).toHaveLength(1);
  writeFileSync(path.join(there, 'one'), 'longer');
  await puller.round(signal);
  expect(sent).toHaveLength(2);
  expect(puller.missing).toEqual([]);
  expect(readFileSync(path.join(here, 'one'), 'utf8')).toBe('longer');
  // A file that grows is left alone until it rests; it is known to be missing.
  writeFileSync(path.join(there, 'big'), Buffer.alloc(9 * 1024 * 1024));
  await puller.round(signal);
  expect(puller.missing).toEqual(['big']);
  await puller.round(signal);
  expect(puller.missing).toEqual([]);
});
