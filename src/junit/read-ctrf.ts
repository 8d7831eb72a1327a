import { readFile, stat } from 'node:fs/promises';
import * as v from 'valibot';
import { MalformedReport } from './bounded-xml.ts';
import { type ForeignProblem, type ReportSink, sendCase } from './report-sink.ts';
import { replaceForbiddenCharacters } from './report-values.ts';

/** A CTRF report is read whole. */
const maxBytes = 32 * 1024 * 1024;
const text = v.optional(v.nullable(v.string()));
const count = v.optional(v.nullable(v.number()));

/** https://ctrf.io/docs/full-schema, as far as it describes the outcome of tests. */
const schema = v.object({
  results: v.object({
    tool: v.looseObject({}),
    summary: v.optional(v.looseObject({ tests: count, failed: count })),
    tests: v.array(
      v.looseObject({
        name: v.string(),
        status: v.string(),
        rawStatus: text,
        duration: count,
        message: text,
        trace: text,
        suite: v.optional(v.nullable(v.union([v.string(), v.array(v.string())]))),
        filePath: text,
        line: count,
        flaky: v.optional(v.nullable(v.boolean())),
        retries: count,
      }),
    ),
  }),
});

/**
 * Hands the tests of a CTRF report to a sink that takes JUnit.
 * @throws MalformedReport for what is no such report, with `foreignRoot` where it is other JSON; I/O errors.
 */
export async function readCtrf(file: string, sink: ReportSink): Promise<void> {
  if ((await stat(file)).size > maxBytes) throw new MalformedReport(`is larger than ${maxBytes / 2 ** 20} MiB`);
  const content = await readFile(file, 'utf8');
  if (content.trim() === '') throw new MalformedReport('is empty', { code: 'empty' });
  let json: unknown;
  try {
    json = JSON.parse(content.replace(/^\ufeff/, ''));
  } catch {
    throw new MalformedReport('is not well-formed JSON; its end may be cut off', { code: 'cut-off' });
  }
  const parsed = v.safeParse(schema, json);
  if (!parsed.success) throw new MalformedReport('is no CTRF report', { foreignRoot: 'JSON' });
  const { summary, tests } = parsed.output.results;
  const claimed = { tests: summary?.tests, failures: summary?.failed };
  sink.open('testsuites', {}, 1);
  sink.open('testsuite', whole({ name: '', ...claimed }), 1);
  for (const test of tests) {
    const suite = clean(Array.isArray(test.suite) ? test.suite.join(' > ') : test.suite);
    const attributes = whole({
      name: clean(test.name),
      classname: suite,
      file: clean(test.filePath),
      line: test.line,
      time: test.duration == null ? undefined : test.duration / 1000,
      // What a tool calls otherwise, `todo` among them.
      result: clean(test.status === 'other' ? (test.rawStatus ?? test.status) : test.status),
    });
    const problem = problemOf(test.status, clean(test.message), clean(test.trace));
    if (problem === undefined && test.flaky === true) {
      sink.open('testcase', attributes, 1);
      for (let run = 0; run < Math.min(Math.max(test.retries ?? 1, 1), 100); run++) {
        sink.open('flakyFailure', { message: clean(test.message) }, 1);
        sink.close('flakyFailure');
      }
      sink.close('testcase');
    } else sendCase(sink, problem === undefined ? { attributes } : { attributes, problem }, 1);
  }
  sink.close('testsuite');
  sink.close('testsuites');
}

function problemOf(status: string, message: string, details: string): ForeignProblem | undefined {
  const element = { failed: 'failure' as const, skipped: 'skipped' as const, pending: 'skipped' as const }[status];
  return element === undefined ? undefined : { element, message, type: '', details };
}

function clean(value: string | null | undefined): string {
  return replaceForbiddenCharacters(value ?? '');
}

function whole(attributes: Record<string, string | number | null | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => (value == null ? [] : [[name, String(value)]])),
  );
}
