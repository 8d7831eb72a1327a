/** The coverage of a run beside that of an earlier one. */
import { readFile, stat } from 'node:fs/promises';
import * as v from 'valibot';
import { type Coverage, messageOf, toOneLine } from '../core/outcome.ts';
import type { Run } from './run.ts';

/** A `result.json` has no tests in it. */
const maxBytes = 8 * 1024 * 1024;
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const earlierResult = v.object({
  coverage: v.optional(v.object({ format: v.string(), covered: count, total: count })),
});

/**
 * Adds the `coverage-baseline` to the coverage of a run. A missing file is no problem, as in the very first run; one that
 * cannot be compared is a warning.
 */
export async function compareCoverage(run: Run, coverage: Coverage): Promise<Coverage> {
  const { coverageBaseline: file } = run.inputs;
  if (file === undefined) return coverage;
  const leave = (why: string) => {
    run.warn(toOneLine(`the coverage is not compared with coverage-baseline ${file}: ${why}`));
    return coverage;
  };
  try {
    if ((await stat(file)).size > maxBytes) return leave('it is no result.json, since it is larger than 8 MiB');
    const earlier = v.parse(earlierResult, JSON.parse(await readFile(file, 'utf8'))).coverage;
    if (earlier === undefined) return leave('that run had no coverage');
    if (earlier.format !== coverage.format)
      return leave(`it is of ${earlier.format}, and that of this run of ${coverage.format}`);
    return { ...coverage, before: { covered: earlier.covered, total: earlier.total } };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      run.reporter.say(`coverage-baseline ${file} is not there yet`);
      return coverage;
    }
    return leave(v.isValiError(error) || error instanceof SyntaxError ? 'it is no result.json' : messageOf(error));
  }
}
