/**
 * The only way in which foreign files become our files. Other processes wrote everything below the results directory and may
 * still be writing: the files are checked, limited and masked while they are moved into a directory that only we can access,
 * and only the files there are ever read, reported or uploaded.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, constants, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../core/outcome.ts';
import type { SecretMask } from '../core/secret-mask.ts';
import { codeOf, discard, ForeignDirectory, type ForeignEntry, holderPrefix } from './foreign-directory.ts';
import { aboveLimit, describeLeftOutFiles, type LeftOutFile, leftOut, leftOutDirectory, nameOf } from './left-out.ts';
import { planNames } from './plan-names.ts';
import { chooseFiles, describeLeftOut, type ResultsLimits, showName } from './results-limits.ts';

export interface TakeOptions {
  /** The directory whose files are taken. Afterwards it holds what was taken, and nothing else. */
  directory: string;
  /** Directories whose files are put among those, and which are empty afterwards. */
  alsoFrom?: string[];
  /** A directory of ours on the same file system, which no container sees: the parent of `directory`. */
  root: string;
  mask: SecretMask;
  limits: ResultsLimits;
  /**
   * Whether nothing writes there anymore and the files are ours. Otherwise all files are copied, since a process with an open
   * file could continue to write to it, and `directory` is another directory afterwards.
   */
  isFenced: boolean;
  /** Where the tests see `directory`: their links may name it. */
  seenAs?: string;
  /** Ends the transfer early. Files that have not been taken by then are listed as left out. */
  signal: AbortSignal;
}

export interface TakenFiles {
  /** Relative paths, sorted. All of them are regular files of ours that only we can write to. */
  files: string[];
  /** Of these, those whose content or name held a secret. */
  masked: string[];
  leftOut: LeftOutFile[];
  /** A line each. */
  warnings: string[];
}

/** Deeper directories are no results but an attack, or a loop of the tests' making. */
const maxDepth = 100;
/** Maximum number of names that are read; a larger tree is cut, which is reported. */
const maxEntries = 300_000;
interface Placed {
  source: ForeignDirectory;
  /** Components of the path. */
  path: Buffer[];
}

interface Found extends Placed {
  /** The path for a reader. */
  name: string;
  bytes: number;
}

interface Sweep {
  files: Found[];
  links: { path: Buffer[]; target: Buffer }[];
  /** Links and special files, as far as they can be removed. */
  doomed: Placed[];
  leftOut: LeftOutFile[];
  entries: number;
}

/**
 * Takes all regular files. Links, special files and what is above the limits are removed before anything is read; names that
 * are not UTF-8, that hold secrets or that collide get others; a file that holds a secret is rewritten without it. A file that
 * cannot be taken does not affect the others: it stays in a directory beside the results that is never uploaded.
 * @throws I/O errors of our own directories, a full disk above all; then nothing in `directory` may be uploaded.
 */
export async function takeFiles(options: TakeOptions): Promise<TakenFiles> {
  const { directory, root, mask, isFenced } = options;
  const holder = path.join(root, `${holderPrefix}${randomBytes(6).toString('hex')}`);
  const into = path.join(holder, isFenced ? movedName : copiedName);
  mkdirSync(holder, { mode: 0o700 });
  mkdirSync(into, { mode: 0o755 });
  const others = (options.alsoFrom ?? []).filter(isDirectory);
  const taken: TakenFiles = { files: [], masked: [], leftOut: [], warnings: [] };
  const sweep: Sweep = { files: [], links: [], doomed: [], leftOut: [], entries: 0 };
  const opened = openSources([directory, ...others], sweep);
  try {
    for (const source of opened) await walk(source, source, [], sweep);
    const { kept, left } = chooseFiles(sweep.files, options.limits);
    // Files that will not be taken are removed before anything is read.
    if (isFenced) await removeDoomed([...sweep.doomed, ...left], sweep);
    const planned = planNames(
      kept.map((file) => file.path),
      (text) => mask.maskText(text),
    );
    const take = (at: ForeignDirectory, file: PlannedFile) =>
      takeOrLeave(at, file, into, options, taken, sweep.leftOut);
    for (const group of groupByDirectory(kept, (file, i) => ({ file, as: planned[i] ?? '' })))
      await visitGroup(group, sweep, take);
    taken.files.sort();
    const limit = describeLeftOut(
      left.map((file) => ({ ...file, name: mask.maskText(file.name) })),
      options.limits,
    );
    if (limit !== undefined) taken.warnings.push(limit);
    for (const { name } of left) sweep.leftOut.push({ name: showName(name), why: 'limit', reason: aboveLimit });
    sweep.leftOut.push(...describeLinks(sweep.links, taken, options));
    taken.leftOut = sweep.leftOut.map((one) => ({ ...one, name: mask.maskText(one.name) }));
  } finally {
    for (const source of opened) source.close();
  }
  putInPlace(options, others, holder, into);
  taken.warnings.push(...describeLeftOutFiles(taken.leftOut, holder));
  if (taken.leftOut.some(({ why }) => why === 'unreadable')) return taken;
  for (const name of readdirSync(root).filter((one) => one.startsWith(path.basename(holder)))) {
    const stays = discard(path.join(root, name));
    if (stays !== '') taken.warnings.push(`files left out of the results are still in ${name}: ${stays}`);
  }
  return taken;
}

/** Opens what can be opened of the directories to take from. */
function openSources(sources: string[], sweep: Sweep): ForeignDirectory[] {
  return sources.filter(isDirectory).flatMap((source) => {
    try {
      return [ForeignDirectory.open(source)];
    } catch (error) {
      sweep.leftOut.push({
        name: path.basename(source),
        why: 'unreadable',
        reason: messageOf(error),
        isDirectory: true,
      });
      return [];
    }
  });
}

function isDirectory(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

const movedName = 'moved';
const copiedName = 'copied';
const asideName = 'left-out';

/**
 * Leftovers of a killed transfer beside the results: directories whose files have to be taken again.
 * @returns their paths, for `alsoFrom`.
 */
export function findInterrupted(root: string, directory: string): string[] {
  const holders = readdirSync(root).filter((name) => name.startsWith(holderPrefix));
  return holders.flatMap((name) => {
    const at = (part: string) => path.join(root, name, part);
    // Copies are of files that are still there, until they take the place of all of them.
    if (existsSync(at(copiedName))) return existsSync(directory) ? [] : [at(copiedName)];
    if (!existsSync(at(movedName))) return [];
    const aside = existsSync(at(asideName)) ? readdirSync(at(asideName)) : [];
    return [at(movedName), ...aside.map((part) => path.join(at(asideName), part))];
  });
}

/** Removes what earlier runs left beside their results. What cannot be removed stays, under an unused name. */
export function removeHolders(root: string): void {
  for (const name of readdirSync(root)) if (name.startsWith(holderPrefix)) discard(path.join(root, name));
}

/** Removes all that is in a directory of ours. @returns an empty text, or why something stays. */
export function clearChildren(directory: string): string {
  const holder = path.join(path.dirname(directory), `${holderPrefix}${randomBytes(6).toString('hex')}`);
  mkdirSync(holder, { mode: 0o700 });
  try {
    moveChildren(directory, holder);
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return messageOf(error);
  } finally {
    discard(holder);
  }
  return '';
}

/** Lists all that is in a directory and below, without opening a file. */
async function walk(source: ForeignDirectory, at: ForeignDirectory, parents: Buffer[], sweep: Sweep): Promise<void> {
  // A tree of many files must not delay the handling of a cancel.
  await nextTurn();
  for (const entry of listOrLeaveOut(at, parents, sweep)) {
    const where = [...parents, entry.name];
    sweep.entries += 1;
    if (sweep.entries > maxEntries) {
      if (sweep.entries === maxEntries + 1)
        sweep.leftOut.push(
          leftOutDirectory([...parents, Buffer.from('*')], 'limit', `more than ${maxEntries} names were written`),
        );
      return;
    }
    if (entry.kind === 'link' || entry.kind === 'special') sweep.doomed.push({ source, path: where });
    if (entry.kind === 'file') sweep.files.push({ source, path: where, name: nameOf(where), bytes: entry.bytes });
    else if (entry.kind === 'special') sweep.leftOut.push(leftOut(where, 'special', 'it is not a regular file'));
    else if (entry.kind === 'link') sweep.links.push({ path: where, target: targetOf(at, entry) });
    else if (where.length > maxDepth)
      sweep.leftOut.push(leftOutDirectory(where, 'limit', `it is more than ${maxDepth} directories deep`));
    else await enter(at, entry.name, where, sweep, (below) => walk(source, below, where, sweep));
  }
}

/** Does work in a directory below an open one. One that is gone is nothing; one that is closed to us is named. */
async function enter(
  at: ForeignDirectory,
  name: Buffer,
  where: Buffer[],
  sweep: Pick<Sweep, 'leftOut'>,
  work: (below: ForeignDirectory) => Promise<void>,
): Promise<void> {
  let below: ForeignDirectory;
  try {
    below = at.openDirectory(name);
  } catch (error) {
    if (isSwapped(error)) sweep.leftOut.push(leftOutDirectory(where, 'special', 'it was replaced while it was read'));
    else if (!isGone(error)) sweep.leftOut.push(leftOutDirectory(where, 'unreadable', messageOf(error)));
    return;
  }
  try {
    await work(below);
  } finally {
    below.close();
  }
}

function listOrLeaveOut(at: ForeignDirectory, where: Buffer[], sweep: Sweep): ForeignEntry[] {
  try {
    return at.list();
  } catch (error) {
    sweep.leftOut.push(leftOutDirectory(where, 'unreadable', messageOf(error)));
    return [];
  }
}

interface PlannedFile {
  file: Found;
  /** Its new path, relative. */
  as: string;
}

/** What is in one directory. */
interface Group<T> {
  source: ForeignDirectory;
  parents: Buffer[];
  members: { name: Buffer; what: T }[];
}

function groupByDirectory<F extends Placed, T>(placed: readonly F[], plan: (one: F, i: number) => T): Group<T>[] {
  const groups = new Map<ForeignDirectory, Map<string, Group<T>>>();
  for (const [i, one] of placed.entries()) {
    const { source } = one;
    const parents = one.path.slice(0, -1);
    const key = Buffer.concat(parents.flatMap((part) => [part, Buffer.from('/')])).toString('latin1');
    const ofSource = groups.get(source) ?? new Map<string, Group<T>>();
    groups.set(source, ofSource);
    const group = ofSource.get(key) ?? { source, parents, members: [] };
    ofSource.set(key, group);
    group.members.push({ name: one.path.at(-1) ?? Buffer.alloc(0), what: plan(one, i) });
  }
  return [...groups.values()].flatMap((ofSource) => [...ofSource.values()]);
}

/** Visits the entries of one directory, which is reached component by component. */
async function visitGroup<T>(
  group: Group<T>,
  sweep: Sweep,
  visit: (at: ForeignDirectory, what: T, name: Buffer) => Promise<void> | void,
): Promise<void> {
  const descend = async (at: ForeignDirectory, depth: number): Promise<void> => {
    const next = group.parents[depth];
    if (next !== undefined)
      return enter(at, next, group.parents.slice(0, depth + 1), sweep, (below) => descend(below, depth + 1));
    for (const { name, what } of group.members) await visit(at, what, name);
  };
  await descend(group.source, 0);
}

/** What cannot be removed is moved aside with all the rest that is not taken. */
async function removeDoomed(doomed: readonly Placed[], sweep: Sweep): Promise<void> {
  for (const group of groupByDirectory(doomed, () => undefined))
    await visitGroup(group, sweep, (at, _, name) => {
      try {
        at.unlink(name);
      } catch (error) {
        if (codeOf(error) === '') throw error;
      }
    });
}

async function takeOrLeave(
  at: ForeignDirectory,
  { file, as }: PlannedFile,
  into: string,
  options: TakeOptions,
  taken: TakenFiles,
  left: LeftOutFile[],
): Promise<void> {
  const { mask, signal } = options;
  const to = path.join(into, as);
  try {
    signal.throwIfAborted();
    await mkdir(path.dirname(to), { recursive: true });
    const holds = await takeFile(at, file.path.at(-1) ?? Buffer.alloc(0), to, options);
    taken.files.push(as);
    if (holds || mask.maskText(file.name) !== file.name) taken.masked.push(as);
  } catch (error) {
    await rm(to, { force: true });
    if (isGone(error)) return;
    const reason = signal.aborted ? 'time was up' : messageOf(error);
    left.push({ name: showName(file.name), why: isSwapped(error) ? 'special' : 'unreadable', reason });
  }
}

/** @returns whether its content held a secret. */
async function takeFile(
  at: ForeignDirectory,
  name: Buffer,
  to: string,
  { mask, isFenced, signal }: TakeOptions,
): Promise<boolean> {
  if (isFenced && mask.isEmpty && mayMove(at, name, to)) return false;
  const from = await at.openFile(name);
  try {
    const { size } = await from.stat();
    const holds = await holdsSecret(from, size, mask, signal);
    if (!isFenced || holds || !mayMove(at, name, to)) await copyMasked(from, size, to, mask, signal);
    return holds;
  } finally {
    await from.close();
  }
}

/** Moves a file unless the permissions of a foreign directory prevent it. */
function mayMove(at: ForeignDirectory, name: Buffer, to: string): boolean {
  try {
    at.moveFile(name, to);
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EACCES' && codeOf(error) !== 'EPERM') throw error;
    return false;
  }
}

async function holdsSecret(from: FileHandle, size: number, mask: SecretMask, signal: AbortSignal): Promise<boolean> {
  if (mask.isEmpty || size === 0) return false;
  const look = mask.openStream();
  for await (const chunk of readChunks(from, size, signal)) {
    look.push(chunk);
    if (look.found > 0) return true;
  }
  look.end();
  return look.found > 0;
}

/** The first `size` bytes of a file, from its begin. */
async function* readChunks(from: FileHandle, size: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    signal.throwIfAborted();
    const { bytesRead, buffer } = await from.read(Buffer.allocUnsafe(Math.min(chunkBytes, size - at)), 0, null, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const chunkBytes = 64 * 1024;

/** Only the size at opening: a file that is still written to would never end. */
async function copyMasked(
  from: FileHandle,
  size: number,
  to: string,
  mask: SecretMask,
  signal: AbortSignal,
): Promise<void> {
  const { atime, mtime } = await from.stat();
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const draft = await open(to, flags, 0o644);
  try {
    await pipeline(readChunks(from, size, signal), mask.createTransform(), async (masked) => {
      for await (const chunk of masked) await draft.writeFile(chunk as Buffer);
    });
    // Its time distinguishes a report of this run from an older one.
    await draft.utimes(atime, mtime);
  } finally {
    await draft.close();
  }
}

/** Moves the taken files to `directory`, and the others aside. */
function putInPlace({ directory, isFenced }: TakeOptions, others: string[], holder: string, into: string): void {
  const aside = path.join(holder, asideName);
  mkdirSync(aside, { mode: 0o700 });
  for (const [i, other] of others.entries()) {
    const emptied = path.join(aside, `also-${i}`);
    mkdirSync(emptied);
    moveChildren(other, emptied);
  }
  const root = path.dirname(holder);
  const former = others.map((other) => path.relative(root, other).split(path.sep)[0] ?? '');
  for (const name of new Set(former)) if (name.startsWith(holderPrefix)) discard(path.join(root, name));
  const isEmptied = isFenced && isDirectory(directory) && canEmpty(directory, path.join(aside, 'rest'));
  if (isEmptied) {
    // The directory itself stays: the nodes of a kept cluster mount it.
    moveChildren(into, directory);
    rmSync(into, { recursive: true });
    return;
  }
  // Next to its directory: moving it into another directory would require permissions that we may not have.
  if (lstatSync(directory, { throwIfNoEntry: false }) !== undefined) renameSync(directory, `${holder}-rest`);
  renameSync(into, directory);
  chmodSync(directory, 0o755);
}

function canEmpty(directory: string, into: string): boolean {
  mkdirSync(into);
  try {
    moveChildren(directory, into);
    return true;
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return false;
  }
}

function moveChildren(from: string, to: string): void {
  const directory = ForeignDirectory.open(from);
  try {
    for (const [i, { name }] of directory.list().entries()) {
      // A name that cannot be a path as text could not be used at its destination.
      const text = name.toString();
      directory.moveAway(name, path.join(to, Buffer.from(text).equals(name) ? text : `name-${i}`));
    }
  } finally {
    directory.close();
  }
}

/** Links are left out. One to a file that was taken loses nothing; one to anything else may hide a report. */
function describeLinks(links: Sweep['links'], taken: TakenFiles, options: TakeOptions): LeftOutFile[] {
  const files = new Set(taken.files);
  return links.map((link) => {
    const parent = path.posix.dirname(nameOf(link.path));
    const target = link.target.toString();
    const seenAs = options.seenAs ?? '/';
    const full = path.posix.resolve(seenAs, parent, target);
    const inside = path.posix.relative(seenAs, full);
    const reason = files.has(inside) ? '' : 'it is a link';
    return { name: showName(nameOf(link.path)), why: 'link', reason };
  });
}

function targetOf(at: ForeignDirectory, { name }: ForeignEntry): Buffer {
  try {
    return at.readLink(name);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Something else has its name by now. */
function isSwapped(error: unknown): boolean {
  return ['ENXIO', 'ELOOP', 'ENOTDIR'].includes(codeOf(error));
}

/** Its writer has removed or replaced it: there is nothing to take. */
function isGone(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
