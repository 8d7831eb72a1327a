import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';

/** A file of the results that is no JUnit report but looks like what tests write. */
export interface NearMiss {
  /** Relative to the results. */
  file: string;
  /** What it is: `an NUnit report`. */
  what: string;
  /** Whether it would be read if the input `junit` named it. */
  isReadable: boolean;
}

const maxLooked = 500;
const maxNamed = 10;
const sniffedBytes = 8 * 1024;

/** Root elements, with what writes them, and whether we read it. */
const roots: Record<string, [string, boolean]> = {
  testsuites: ['a JUnit report', true],
  testsuite: ['a JUnit report', true],
  'test-run': ['an NUnit report', true],
  'test-results': ['an NUnit 2 report', true],
  assemblies: ['an xUnit.net report', true],
  TestRun: ['a TRX report of .NET', true],
  robot: ['the output of Robot Framework', true],
  'failsafe-summary': ['the summary of Maven failsafe, which holds no tests', false],
  'testng-results': ['a TestNG report', false],
  coverage: ['a coverage report', false],
  report: ['a coverage report of JaCoCo', false],
  checkstyle: ['a Checkstyle report', false],
};

/**
 * What is in the results in place of a report, for a run that has none: XML of other kinds, CTRF, TAP, and JUnit reports that
 * the globs did not take. At most ten, of the first 500 files.
 */
export async function findNearMisses(directory: string, signal: AbortSignal): Promise<NearMiss[]> {
  const found: NearMiss[] = [];
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const candidates = entries.filter((entry) => entry.isFile() && /\.(xml|trx|json|tap)$/i.test(entry.name));
  for (const entry of candidates.slice(0, maxLooked)) {
    signal.throwIfAborted();
    if (found.length >= maxNamed) break;
    const full = path.join(entry.parentPath, entry.name);
    const known = nameFormat(await readBegin(full), path.extname(full).toLowerCase());
    if (known !== undefined) found.push({ file: path.relative(directory, full), what: known[0], isReadable: known[1] });
  }
  return found.sort((a, b) => Number(b.isReadable) - Number(a.isReadable));
}

/** What a file is by its first characters; undefined for what is nothing that tests report. */
export function nameFormat(begin: string, extension: string): [string, boolean] | undefined {
  if (extension === '.tap')
    return /^\s*(TAP version \d+|1\.\.\d+|(not )?ok\b)/.test(begin) ? ['a TAP report', true] : undefined;
  if (extension === '.json')
    return /^\s*\{/.test(begin) && /"results"\s*:\s*\{\s*"tool"/.test(begin) ? ['a CTRF report', true] : undefined;
  const root = /^\ufeff?\s*(?:<[?!][^>]{0,2000}>\s*){0,20}<([\w:.-]{1,100})[\s/>]/.exec(begin)?.[1];
  if (root === undefined) return undefined;
  return Object.hasOwn(roots, root) ? roots[root] : [`XML with the root <${root}>`, false];
}

async function readBegin(file: string): Promise<string> {
  // Its writer may have replaced it by a link.
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
  if (handle === undefined) return '';
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(sniffedBytes), 0, sniffedBytes, 0);
    const bytes = buffer.subarray(0, bytesRead);
    return bytes.toString(bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf16le' : 'utf8');
  } finally {
    await handle.close();
  }
}
