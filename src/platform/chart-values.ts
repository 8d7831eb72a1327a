/**
 * How values that are set for a chart are passed to helm. Every user of the machine can see the command line of a program, so a
 * text value is passed in a file that only this user can read.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isText, readSetLine, type SetPath, scalarsOf } from '../inputs/set-lines.ts';

/** The values that are passed to helm. */
interface PlannedValues {
  /** For `--set`, in their order. */
  lines: string[];
  /** For `--set-file`: the key, and the content of its file. */
  files: { key: string; content: string }[];
}

/** The command line has this in place of the text of a value: also text, so that helm builds the same lists and maps. */
const placeholder = 'in-a-file';

/**
 * Plans how the lines of `set` reach helm with the meaning that `--set` gives them. Helm applies all of `--set` first, in
 * its order, and `--set-file` afterwards. Each text is therefore set to a placeholder at its place in the order, and the
 * placeholder is replaced from a file, unless a later line has replaced it by then. What helm takes for a number, a truth
 * value or null stays on the command line: from a file, it would be text. Pure.
 */
export function planValues(set: readonly string[]): PlannedValues {
  const lines: string[] = [];
  const all: { path: SetPath; file: PlannedValues['files'][number] | undefined }[] = [];
  for (const line of set) {
    const read = readSetLine(line);
    // Inputs with such a line were refused.
    if ('problem' in read) throw new Error(`a line of set ${read.problem}`);
    const written = read.assignments.map((assignment) => {
      const { key, value } = assignment;
      const isList = Array.isArray(value);
      if (isList) all.push({ path: assignment.path, file: undefined });
      const shown = scalarsOf(assignment).map(({ raw, text }, index) => {
        const isHidden = text !== '' && isText(text);
        all.push({
          path: isList ? [...assignment.path, index] : assignment.path,
          file: isHidden ? { key: isList ? `${key}[${index}]` : key, content: text } : undefined,
        });
        return isHidden ? placeholder : raw;
      });
      return `${key}=${isList ? `{${shown.join(',')}}` : shown.join('')}`;
    });
    lines.push(written.join(','));
  }
  const files = all.flatMap(({ path: own, file }, index) => {
    const isReplaced = all.slice(index + 1).some((later) => overlap(own, later.path));
    return file === undefined || isReplaced ? [] : [file];
  });
  return { lines, files };
}

/** Whether one of two places is the other, or within it. */
function overlap(one: SetPath, other: SetPath): boolean {
  return one.slice(0, other.length).every((part, index) => part === other[index]);
}

/**
 * Calls `use` with the arguments that set values for helm. Their files are there until it ends.
 * @param directory that only this run uses, for files; without it, a temporary one.
 */
export async function withValues<T>(
  set: readonly string[],
  directory: string | undefined,
  use: (args: string[]) => Promise<T>,
): Promise<T> {
  const { lines, files } = planValues(set);
  const args = lines.flatMap((line) => ['--set', line]);
  if (files.length === 0) return use(args);
  const own = await makeDirectory(directory);
  try {
    for (const [index, { key, content }] of files.entries()) {
      const file = path.join(own, String(index));
      await writeFile(file, content, { mode: 0o600, flag: 'wx' });
      args.push('--set-file', `${key}=${file.replaceAll(/[\\,]/g, '\\$&')}`);
    }
    return await use(args);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

async function makeDirectory(parent: string | undefined): Promise<string> {
  if (parent === undefined) return mkdtemp(path.join(tmpdir(), 'k8s-test-values-'));
  const own = path.join(parent, `values-${randomBytes(6).toString('hex')}`);
  await mkdir(own, { mode: 0o700 });
  return own;
}
