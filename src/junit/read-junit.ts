/**
 * JUnit XML as it is found in the wild, read as a stream: lenient in what writers do wrong without harm, strict in what
 * would let a red run look green.
 */
import { createReadStream } from 'node:fs';
import { SaxesParser } from 'saxes';
import { type Failure, fail, succeed } from '../core/outcome.ts';
import { decodeXml, MalformedReport, type SieveLimits, XmlSieve } from './bounded-xml.ts';
import { nameOfElement, withoutPrefix } from './element-names.ts';
import { ForeignXml, isForeignRoot } from './foreign-xml.ts';
import {
  defaultJUnitLimits,
  type JUnitLimits,
  type JUnitReport,
  type KeptTotals,
  startTotals,
} from './junit-report.ts';
import { readCtrf } from './read-ctrf.ts';
import { readTap } from './read-tap.ts';
import { ReportBuilder } from './report-builder.ts';
import type { ReportSink } from './report-sink.ts';

export interface ReadJUnitOptions {
  /** What to call the report in messages; the path when there is one. */
  file?: string;
  limits?: Partial<JUnitLimits>;
  /**
   * How the program that wrote the report ended; if that is not known, no case that could be another test is taken for a rerun.
   */
  exitCode?: number | undefined;
  /** Whether XML of NUnit, xUnit.net, TRX and Robot Framework is read as well; without it that is foreign. */
  otherFormats?: boolean;
  /**
   * Shared by all reports that are read with it, so that many reports keep no more than one. Without it a report has its own.
   */
  totals?: KeptTotals;
  /** Aborting it makes the reading throw the signal's reason. */
  signal?: AbortSignal;
}

/**
 * A report, or a failure of kind `report` with file and line. `foreignRoot` names the root element of a file that is XML but no
 * JUnit report at all (`coverage`, say), so that a caller with all `*.xml` can skip it. `partial` is the content before the end
 * of a file whose writer was killed: it shows which tests had finished, and no more.
 */
export type JUnitReading =
  | { ok: true; value: JUnitReport }
  | { ok: false; failure: Failure; foreignRoot?: string; partial?: JUnitReport };

/**
 * Reads one JUnit report in memory that does not grow with its size. A file that is called `*.json` is read as CTRF, one that
 * is called `*.tap` as TAP.
 *
 * Tolerated, with a warning where something was lost: characters that XML forbids, other encodings, nested suites, missing or
 * wrong counts, `1,234.5` seconds, several failures in one case, reruns reported as `flakyFailure` or as repeated cases.
 * Refused as kind `report`: an empty or truncated file, XML that is not well-formed, another root than `testsuites` or
 * `testsuite`, a DOCTYPE, elements nested deeper than `limits.depth`.
 *
 * Cases of equal suite, host, class, name and file may be runs of one test, or several tests of one name: Playwright's
 * projects, `go test -count`, parallel processes of ginkgo. In one suite of pytest, where names are unique, they are reruns,
 * and an earlier pass is a failed run too: pytest-rerunfailures writes it without its failure. Elsewhere a failed case is a
 * failed run of one that passed later only where `exitCode` is 0, since a tool that counts both as tests fails then. In all
 * other combinations each counts as a test.
 *
 * @throws the signal's reason when it is aborted; every other problem is returned as a value.
 */
export async function readJUnit(
  source: string | AsyncIterable<Uint8Array>,
  options: ReadJUnitOptions = {},
): Promise<JUnitReading> {
  const { signal } = options;
  const file = options.file ?? (typeof source === 'string' ? source : 'the JUnit report');
  const limits = { ...defaultJUnitLimits, ...options.limits };
  signal?.throwIfAborted();
  const totals = options.totals ?? startTotals();
  const before = { ...totals };
  const builder = new ReportBuilder(file, limits, totals, options.exitCode === 0);
  try {
    if (typeof source === 'string' && /\.(json|tap)$/i.test(source)) {
      await (/\.tap$/i.test(source) ? readTap(source, builder, signal) : readCtrf(source, builder));
      return succeed(builder.finish());
    }
    const bytes = typeof source === 'string' ? createReadStream(source) : source;
    return succeed(await parseXml(bytes, builder, { ...options, limits }));
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof MalformedReport) {
      const at = error.line === undefined ? '' : ` (line ${error.line})`;
      const failed = fail('report', `${file} ${error.message}${at}`, { hint: hintFor(error) });
      if (error.code === 'cut-off') return { ...failed, partial: builder.tell() };
      // Text that is not read takes no memory.
      Object.assign(totals, before);
      return error.foreignRoot === undefined ? failed : { ...failed, foreignRoot: error.foreignRoot };
    }
    if (error instanceof Error && 'code' in error && 'syscall' in error) {
      return fail('report', `${file} cannot be read: ${error.message}`);
    }
    throw error;
  }
}

/** Robot Framework nests keywords 140 deep, with loops and branches between them. */
const foreignDepth = 1000;

function hintFor(error: MalformedReport): string {
  return error.code !== undefined
    ? 'The test process ended before it had written its report; see the end of its log for the reason'
    : '';
}

async function parseXml(
  bytes: AsyncIterable<Uint8Array>,
  builder: ReportBuilder,
  options: ReadJUnitOptions & { limits: JUnitLimits },
): Promise<JUnitReport> {
  const { limits, signal } = options;
  const parser = new SaxesParser<{ xmlns: false }>();
  let pieceLine = 1;
  let parserLine = 1;
  const lineNow = (): number => pieceLine + parser.line - parserLine;

  parser.on('error', (error) => {
    // saxes begins its messages with line and column of its input, which differs from the file.
    const problem = error.message.replace(/^\d+:\d+: /, '').replace(/\.$/, '');
    const unclosed = /^unclosed tag: (.{1,100})/.exec(problem)?.[1];
    throw new MalformedReport(
      unclosed === undefined ? `is not well-formed XML: ${problem}` : `is cut off: its <${unclosed}> never ends`,
      { line: lineNow(), ...(unclosed === undefined ? {} : { code: 'cut-off' }) },
    );
  });
  let sink: ReportSink | undefined;
  // Parser and sinks keep every element that is open.
  let depth = 0;
  const nameOf = (written: string) => (sink === builder ? nameOfElement(written) : withoutPrefix(written));
  parser.on('opentag', ({ name, attributes }) => {
    const root = withoutPrefix(name);
    sink ??= options.otherFormats === true && isForeignRoot(root) ? new ForeignXml(root, builder) : builder;
    const mostDepth = sink === builder ? limits.depth : foreignDepth;
    if (depth >= mostDepth)
      throw new MalformedReport(`nests elements more than ${mostDepth} deep`, { line: lineNow() });
    depth++;
    sink.open(nameOf(name), attributes, lineNow());
  });
  parser.on('closetag', ({ name }) => {
    depth--;
    sink?.close(nameOf(name));
  });
  parser.on('text', (text) => sink?.addText(text));
  parser.on('cdata', (text) => sink?.addText(text));

  const sieveLimits: SieveLimits = {
    headChars: Math.ceil(limits.detailsChars * 0.75),
    tailChars: Math.ceil(limits.detailsChars * 0.25),
    valueChars: builder.valueChars,
    tagValueChars: 8 * builder.valueChars,
    tagChars: 256 * 1024,
  };
  const sieve = new XmlSieve(sieveLimits, (piece, line) => {
    pieceLine = line;
    parserLine = parser.line;
    parser.write(piece);
  });

  let sawCharacters = false;
  for await (const chunk of decodeXml(bytes, (warning) => builder.warn(warning))) {
    signal?.throwIfAborted();
    sawCharacters ||= /\S/.test(chunk);
    sieve.write(chunk);
  }
  if (!sawCharacters) throw new MalformedReport('is empty', { code: 'empty' });
  sieve.end();
  parser.close();
  return builder.finish(sieve);
}
