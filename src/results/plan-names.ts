/** Names of files that others wrote, as they are kept: pure decisions over bytes. */
import path from 'node:path';

/** The longest name that Linux' file systems take, in bytes. */
const maxNameBytes = 255;

/**
 * Gives each file a name that reports and artifacts can hold: UTF-8, without secrets, no longer than a file system allows, and
 * unique. A file keeps its name if possible; otherwise `~2`, `~3`… is inserted before its extension.
 * @param found paths as their components, relative to the directory that they are taken from.
 * @param maskText removes secrets from a text.
 * @returns for each of `found`, in its order, its new relative path.
 */
export function planNames(found: readonly (readonly Buffer[])[], maskText: (text: string) => string): string[] {
  const plain = found.map((components) => {
    const text = components.map(toText).join('/');
    return maskText(text)
      .split('/')
      .map((part) => shorten(part))
      .join('/');
  });
  const isKept = (i: number) => plain[i] === found[i]?.map((part) => part.toString()).join('/');
  const files = new Set<string>();
  const directories = new Set<string>();
  const names = found.map(() => '');
  const order = found.map((_, i) => i).sort((a, b) => Number(isKept(b)) - Number(isKept(a)) || a - b);
  for (const i of order) {
    const parts = (plain[i] ?? '').split('/');
    const file = parts.pop() ?? '';
    let parent = '';
    for (const part of parts) {
      parent = firstFree(parent, part, (one) => files.has(one));
      directories.add(parent);
    }
    const name = firstFree(parent, file, (one) => files.has(one) || directories.has(one));
    files.add(name);
    names[i] = name;
  }
  return names;
}

function firstFree(parent: string, name: string, isTaken: (candidate: string) => boolean): string {
  const at = (one: string) => (parent === '' ? one : `${parent}/${one}`);
  if (!isTaken(at(name))) return at(name);
  const { name: stem, ext } = path.posix.parse(name);
  for (let i = 2; ; i++) {
    const suffix = `~${i}${ext}`;
    const candidate = at(cut(stem, maxNameBytes - Buffer.byteLength(suffix)) + suffix);
    if (!isTaken(candidate)) return candidate;
  }
}

/** A name as text: bytes that are not UTF-8 are written out. */
function toText(bytes: Buffer): string {
  const name = bytes.toString('utf8');
  if (Buffer.from(name).equals(bytes)) return name;
  const written = (c: string) => (c === '\\' ? '\\\\' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return bytes.toString('latin1').replace(/[\p{Cc}\\\x80-\xff]/gu, written);
}

function shorten(name: string): string {
  // What masking leaves of a name may be one that means something else.
  if (name === '' || name === '.' || name === '..') return `${name}~`;
  if (Buffer.byteLength(name) <= maxNameBytes) return name;
  const { name: stem, ext } = path.posix.parse(name);
  const kept = Buffer.byteLength(ext) <= 32 ? ext : '';
  return cut(kept === '' ? name : stem, maxNameBytes - Buffer.byteLength(kept)) + kept;
}

/** As many whole characters of a text as fit into this many bytes. */
function cut(text: string, maxBytes: number): string {
  let bytes = 0;
  let kept = '';
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    kept += character;
  }
  return kept;
}
