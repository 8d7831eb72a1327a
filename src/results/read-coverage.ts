/** The coverage that tests leave in their results, of all shards together. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { type Coverage, type CoverageFormat, messageOf, toOneLine } from '../core/outcome.ts';
import { addCoverage, CoverageUnion } from './coverage-formats.ts';

/** Names that tools and their documentation give to coverage reports. */
const names =
  /^(coverage|cobertura|jacoco)[\w.-]*\.xml$|^lcov\.info$|\.lcov$|^(c|cover|coverage)[\w.-]*\.out$|\.coverprofile$|^coverage\.txt$/i;
const maxFiles = 200;
const maxBytes = 32 * 1024 * 1024;
const maxBytesOfAll = 128 * 1024 * 1024;

/**
 * Reads the coverage reports among files that were taken from the tests.
 * @param files relative to the directory.
 * @returns the line coverage of the first format (Cobertura, JaCoCo, lcov, Go) that exists, since tools write the same coverage
 * in several; undefined without a report. What could not be read is a warning, a line each.
 */
export async function readCoverage(
  directory: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<{ coverage: Coverage | undefined; warnings: string[] }> {
  const unions = new Map<CoverageFormat, CoverageUnion>();
  const warnings: string[] = [];
  let bytes = 0;
  for (const file of files.filter((name) => names.test(path.basename(name))).slice(0, maxFiles)) {
    signal.throwIfAborted();
    try {
      const text = await readText(path.join(directory, file), maxBytesOfAll - bytes);
      bytes += text.length;
      addTo(unions, text);
    } catch (error) {
      warnings.push(`the coverage report ${file} cannot be read: ${toOneLine(messageOf(error), 200)}`);
    }
  }
  for (const format of ['Cobertura', 'JaCoCo', 'lcov', 'Go'] as const) {
    const counts = unions.get(format)?.counts;
    if (counts !== undefined && counts.total > 0) return { coverage: { format, ...counts }, warnings };
  }
  return { coverage: undefined, warnings };
}

/** A report counts whole or not at all: it is read by itself first, then together with the others of its format. */
function addTo(unions: Map<CoverageFormat, CoverageUnion>, text: string): void {
  const format = addCoverage(text, new CoverageUnion());
  if (format === undefined) return;
  const union = unions.get(format) ?? new CoverageUnion();
  unions.set(format, union);
  addCoverage(text, union);
}

async function readText(file: string, room: number): Promise<string> {
  // Its writer may have replaced it by a link.
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) throw new Error(`it is larger than ${maxBytes / 2 ** 20} MiB`);
    if (size > room) throw new Error('the coverage reports are too large together');
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
