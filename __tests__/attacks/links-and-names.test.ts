/** Links, special files and names in what the tests wrote, against every function that takes a path below the results. */
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { writeOwnFile } from '../../src/core/write-own-file.ts';
import { readHelperNotes, reconstructRun, takeHelperFiles } from '../../src/reconstruct/reconstruct-run.ts';
import { collectResults } from '../../src/results/collect-results.ts';
import { discard } from '../../src/results/foreign-directory.ts';
import { ResultsPuller } from '../../src/results/pull-results.ts';
import { readStacks } from '../../src/results/read-stacks.ts';
import {
  layoutResults,
  type ResultsDir,
  releaseResultsDir,
  shrinkReserve,
  takeResultsDir,
} from '../../src/results/results-dir.ts';
import { clearChildren, takeFiles } from '../../src/results/take-files.ts';
import { ResultsSizeWatch } from '../../src/results/watch-results-size.ts';
import { type Attempt, testAttack } from './attempts.ts';

const secret = 'hunter2-secret';
const mask = new SecretMask([secret]);
const limits = { totalBytes: 1e8, files: 1000 };
const canary = 'canary of the runner';
const timeoutMs = 600_000;
const signal = AbortSignal.timeout(timeoutMs);

interface Place {
  dir: ResultsDir;
  /** A file and a directory of the runner, which must be neither read nor changed. */
  file: string;
  directory: string;
}

/** A results directory beside files of the runner. */
function makePlace(): Place {
  const base = mkdtempSync(path.join(tmpdir(), 'links-'));
  const dir = layoutResults(path.join(base, 'out'));
  for (const one of [dir.results, dir.junit, dir.logs, dir.cluster]) mkdirSync(one, { recursive: true });
  const directory = path.join(base, 'precious');
  mkdirSync(directory);
  const file = path.join(directory, 'precious.xml');
  writeFileSync(file, canary);
  return { dir, file, directory };
}

/** What the tests put where a file or directory is expected. */
const plants: Record<string, (at: string, place: Place) => void> = {
  'link to a file': (at, { file }) => symlinkSync(file, at),
  'relative link to a file': (at, { file }) => symlinkSync(path.relative(path.dirname(at), file), at),
  'link to a directory': (at, { directory }) => symlinkSync(directory, at),
  'link to a file that is not there': (at, { directory }) => symlinkSync(path.join(directory, 'new'), at),
  'link to itself': (at) => symlinkSync(path.basename(at), at),
  'link up': (at) => symlinkSync('../../..', at),
  'link to an endless file': (at) => symlinkSync('/dev/zero', at),
  'link to our environment': (at) => symlinkSync('/proc/self/environ', at),
  'link through our descriptors': (at) => symlinkSync('/proc/self/fd/0', at),
  FIFO: (at) => void execFileSync('mkfifo', [at]),
  'sparse terabyte': (at) => {
    writeFileSync(at, secret);
    truncateSync(at, 2 ** 40);
  },
  directory: (at) => mkdirSync(path.join(at, 'in'), { recursive: true }),
  'directory with a link in it': (at, { directory }) => {
    mkdirSync(at);
    symlinkSync(directory, path.join(at, 'junit.xml'));
  },
  'link of a link': (at, { file }) => {
    symlinkSync(file, `${at}-1`);
    symlinkSync(path.basename(`${at}-1`), at);
  },
};

/** Where they put it, below the results directory of the run. */
const places = [
  'results/a.xml',
  'results/a.txt.k8s-test-masked',
  'results/***',
  'results/sub',
  'results/.k8s-test',
  'results/.k8s-test-incoming',
  'results/report.jsonl',
];
const helperPlaces = ['progress.jsonl', 'stacks.txt', 'helper-error.txt'].map((name) => `results/.k8s-test/${name}`);
const ownPlaces = ['result.json', '.reserve', '.running', '.running.dead', 'summary.md', 'report.html', 'junit.xml'];
const ownDirectories = ['junit', 'logs', 'cluster', 'results'];

const take = (dir: ResultsDir, isFenced: boolean, alsoFrom: string[] = []) =>
  takeFiles({ directory: dir.results, alsoFrom, root: dir.root, mask, limits, isFenced, signal });

async function collect(dir: ResultsDir, isFenced: boolean) {
  const taken = await take(dir, isFenced, [dir.junit]);
  const { results: takenDir, junit: junitDir } = dir;
  return collectResults({
    taken,
    takenDir,
    junitDir,
    junitGlobs: ['**/*.xml'],
    seenAs: '/results',
    notBefore: 0,
    signal,
  });
}

const reconstruct = (dir: ResultsDir) =>
  reconstructRun({
    reports: [],
    unreadable: [],
    notes: undefined,
    resultsDir: dir.results,
    notBefore: 0,
    logFile: undefined,
    isInterrupted: true,
    signal,
  });

/** A puller that is offered these names, and gets a file of the same content for each. */
async function pull(dir: ResultsDir) {
  const there = mkdtempSync(path.join(tmpdir(), 'links-there-'));
  for (const name of ['a.xml', 'sub/b.xml', 'report.jsonl', '***']) {
    mkdirSync(path.dirname(path.join(there, name)), { recursive: true });
    writeFileSync(path.join(there, name), 'pulled');
  }
  const puller = new ResultsPuller({
    openSource: () => ({
      directory: there,
      run: async (script, args, options) => {
        const child = spawn('sh', ['-c', script, 'sh', ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
        const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
        child.stdin.on('error', () => undefined);
        child.stdin.end(options.stdin ?? '');
        for await (const chunk of child.stdout) await options.onStdout(chunk as Buffer);
        return { exitCode: await ended, stderr: '' };
      },
    }),
    directory: dir.results,
    limits,
  });
  const end = await puller.finish(signal);
  await puller.close();
  rmSync(there, { recursive: true });
  return end;
}

/** One look of the watch. */
async function watchOnce(dir: ResultsDir) {
  const over = new AbortController();
  const watch = new ResultsSizeWatch({
    directory: dir.results,
    limits,
    resultsPath: '/results',
    signal: over.signal,
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  over.abort();
  return watch.failure?.reason;
}

/** Every function that takes a path below the results directory, as a run calls it. */
const readers: Record<string, (dir: ResultsDir) => Promise<unknown>> = {
  'takeFiles, fenced': (dir) => take(dir, true),
  'takeFiles, not fenced': (dir) => take(dir, false),
  'collectResults, fenced': (dir) => collect(dir, true),
  'collectResults, not fenced': (dir) => collect(dir, false),
  readStacks: (dir) => readStacks(dir.results),
  'takeHelperFiles and readHelperNotes': async (dir) => {
    const into = path.join(dir.cluster, 'test-helper');
    // What is above results-limit has gone by then.
    await take(dir, true);
    await takeHelperFiles(dir.results, into);
    return readHelperNotes(into, 'run', signal);
  },
  reconstructRun: reconstruct,
  ResultsPuller: pull,
  ResultsSizeWatch: watchOnce,
  clearChildren: (dir) => Promise.resolve(clearChildren(dir.results)),
};
async function takeAndRelease(dir: ResultsDir): Promise<boolean> {
  const taken = await takeResultsDir(dir, 'unit');
  if (taken.ok) await releaseResultsDir(dir);
  return taken.ok;
}
const owners: Record<string, (dir: ResultsDir) => Promise<unknown>> = {
  takeResultsDir: takeAndRelease,
  // Files that the run has made by then may have been replaced; a directory among them is an error like any other.
  'shrinkReserve and releaseResultsDir': async (dir) => {
    await shrinkReserve(dir);
    await releaseResultsDir(dir).catch((error: NodeJS.ErrnoException) => expect(error.code).toMatch(/EISDIR/));
  },
  'writeOwnFile of result.json': async (dir) => {
    // A directory in its place is an error like any other.
    if (lstatSync(dir.resultJson, { throwIfNoEntry: false })?.isDirectory()) return;
    await writeOwnFile(dir.resultJson, 'verdict');
    return readFileSync(dir.resultJson, 'utf8');
  },
};

const placesOf = (name: string) => (/take|Stacks/.test(name) ? [...places, ...helperPlaces] : places);

/** Nothing of the runner was changed, printed, or copied to where it is uploaded. */
function expectUntouched({ dir, file, directory }: Place, told: unknown): void {
  expect(readFileSync(file, 'utf8')).toBe(canary);
  expect(readdirSync(directory)).toEqual(['precious.xml']);
  expect(JSON.stringify(told) ?? '').not.toContain(canary);
  for (const copy of listFiles(dir.root)) expect(readFileSync(copy).includes(canary), copy).toBe(false);
}

/** Regular files below a directory that are small enough to have been copied. Links are not followed. */
function listFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(file);
    return entry.isFile() && lstatSync(file).size < 1e6 ? [file] : [];
  });
}

async function attack(
  attempt: Attempt,
  [functionName, call]: [string, (dir: ResultsDir) => Promise<unknown>],
  [plantName, plant]: [string, (typeof plants)[string]],
  at: string,
): Promise<void> {
  await attempt(`${functionName} with a ${plantName} at ${at}`, async () => {
    const place = makePlace();
    try {
      const target = path.join(place.dir.root, at);
      mkdirSync(path.dirname(target), { recursive: true });
      rmSync(target, { recursive: true, force: true });
      writeFileSync(path.join(place.dir.root, 'results.txt'), '');
      plant(target, place);
      const told = await call(place.dir);
      expectUntouched(place, told);
    } finally {
      discard(path.dirname(place.dir.root));
    }
  });
}

testAttack(
  'links and names',
  'no function reads, changes or tells a file of the runner',
  async (attempt) => {
    for (const one of Object.entries(readers))
      for (const plant of Object.entries(plants))
        for (const at of placesOf(one[0])) await attack(attempt, one, plant, at);
    for (const one of Object.entries(owners))
      for (const plant of Object.entries(plants)) for (const at of ownPlaces) await attack(attempt, one, plant, at);
    for (const plant of Object.entries(plants))
      for (const at of ownDirectories) await attack(attempt, ['takeResultsDir', takeAndRelease], plant, at);
  },
  timeoutMs,
);

/** Names as bytes, each with what a reader of artifacts would trip over. */
const names: Buffer[] = [
  Buffer.from([0xff]),
  Buffer.from([0x63, 0x61, 0x66, 0xe9]),
  Buffer.from([0xc3]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xf0, 0x9f, 0x98]),
  Buffer.alloc(255, 0xfe),
  ...[
    'x'.repeat(255),
    `${'ä'.repeat(125)}.xml`,
    '\\x80',
    '\\',
    'new\nline',
    'carriage\rreturn',
    '\u001b[31mred',
    '-rf',
    '...',
    ' ',
    '~2',
    '\u202egnp.xml',
    secret,
    `${secret}~2`,
    `${'p'.repeat(241)}${secret}`,
    '***',
    '***~2',
    'junit.xml',
    '.k8s-test-moved',
    'left-out',
    '::error::x',
    '%0A',
    '__proto__',
    'constructor',
  ].map((name) => Buffer.from(name)),
];

/** Files of both names, beside each other and one in the other, arrive, each under a name of its own. */
async function expectNamesKept(first: Buffer, second: Buffer, isFenced: boolean): Promise<void> {
  const { dir } = makePlace();
  try {
    const at = (...parts: Buffer[]) =>
      Buffer.concat([Buffer.from(dir.results), ...parts.flatMap((part) => [Buffer.from('/'), part])]);
    mkdirSync(at(second));
    writeFileSync(at(first), 'first');
    writeFileSync(at(second, first), `second ${secret}`);
    writeFileSync(at(second, second), 'third');
    linkSync(at(first), at(Buffer.from('zz')));
    const taken = await take(dir, isFenced);
    expect(taken.leftOut).toEqual([]);
    const contents = taken.files.map((name) => readFileSync(path.join(dir.results, name), 'utf8'));
    expect(contents.sort()).toEqual(['first', 'first', 'second ***', 'third']);
    expect(taken.files.join('\n')).not.toContain(secret);
  } finally {
    discard(path.dirname(dir.root));
  }
}

testAttack(
  'links and names',
  'no name of a file loses it, another file, or a secret',
  async (attempt) => {
    for (const isFenced of [true, false])
      for (const [i, first] of names.entries())
        for (const second of names.slice(i + 1))
          await attempt(`${first.toString('latin1')} beside ${second.toString('latin1')}`, () =>
            expectNamesKept(first, second, isFenced),
          );
  },
  timeoutMs,
);
