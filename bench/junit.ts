/**
 * Peak memory of the whole process that reads a JUnit report of 500 MB, decides and writes all that a run leaves, against one
 * of 1 MB, and of one that reads 60 reports of 18 MB against one of 18 MB: for each shape of reports, both in processes of
 * their own, side by side. Prints tables in Markdown; the exit status says whether each ratio is at most 1.5.
 *
 *     node bench/junit.ts [megabytes [reports [megabytes of each]]]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { outcomeOf, type Verdict } from '../src/core/outcome.ts';
import { SecretMask } from '../src/core/secret-mask.ts';
import { writeJUnit } from '../src/junit/write-junit.ts';
import { keepYoungGenerationSmall } from '../src/pipeline/begin-run.ts';
import { writeReport } from '../src/report/write-report.ts';
import { collectResults } from '../src/results/collect-results.ts';
import { layoutResults } from '../src/results/results-dir.ts';
import { takeFiles } from '../src/results/take-files.ts';
import { decideVerdict } from '../src/verdict/decide-verdict.ts';

const maxRatio = 1.5;
const megabyte = 1_000_000;
/** Ways in which a report grows: the next piece of each, as text. */
const shapes: Record<string, (i: number) => string> = {
  'passed tests': (i) => `<testcase classname="tests.test_orders" name="test_order[${i}]" time="0.001"/>\n`,
  'failed tests with long traces': (i) =>
    `<testcase classname="tests.test_orders" name="test_order[${i}]" time="0.1"><failure message="assert ${i} == 0">${'    at some line of a trace &lt;module&gt;\n'.repeat(500)}</failure></testcase>\n`,
  'failed tests with long messages': (i) =>
    `<testcase classname="tests.test_orders" name="test_order[${i}]"><failure message="assert ${i} == ${'0'.repeat(4000)}"/></testcase>\n`,
  'passed tests with long names': (i) =>
    `<testcase classname="tests.test_orders.${'C'.repeat(900)}" name="test_order[${i}-${'n'.repeat(900)}]"/>\n`,
  'output in one CDATA': (i) =>
    i === 0
      ? '<testcase classname="a" name="test_a"/><system-out><![CDATA['
      : `line ${i} of what the tests printed, which nobody needs in a report\n`.repeat(100),
};

interface Measured {
  peakBytes: number;
  seconds: number;
  tests: number;
}

const [first, second, third] = process.argv.slice(2);
if (first === '--measure') process.stdout.write(`${JSON.stringify(await measure(second!))}\n`);
else process.exitCode = (await compareAll(Number(first ?? 500), Number(second ?? 60), Number(third ?? 18))) ? 0 : 1;

/** As the action runs: one bundle, with all that the pipeline loads. Types stripped while running would count as memory. */
async function bundleThis(directory: string): Promise<string> {
  const outfile = path.join(directory, 'measure.mjs');
  const { build } = await import('esbuild');
  await build({
    stdin: {
      contents: `import './src/pipeline/pipeline.ts'; import './bench/junit.ts';`,
      resolveDir: path.dirname(import.meta.dirname),
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['esbuild'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  return outfile;
}

async function compareAll(megabytes: number, reports: number, manyMegabytes: number): Promise<boolean> {
  const bundleDir = await mkdtemp(path.join(tmpdir(), 'bench-junit-'));
  const program = await bundleThis(bundleDir);
  const isGood = [
    await compare(program, [1, 1], [1, megabytes]),
    await compare(program, [1, manyMegabytes], [reports, manyMegabytes]),
  ];
  await rm(bundleDir, { recursive: true });
  return isGood.every(Boolean);
}

/** Number of reports, and megabytes of each. */
type Amount = [reports: number, megabytes: number];

async function compare(program: string, few: Amount, much: Amount): Promise<boolean> {
  const describe = ([reports, megabytes]: Amount): string =>
    reports === 1 ? `${megabytes} MB` : `${reports} × ${megabytes} MB`;
  const rows: string[] = [];
  let isGood = true;
  for (const [name, piece] of Object.entries(shapes)) {
    const small = await makeRun(piece, few);
    const large = await makeRun(piece, much);
    try {
      const [one, many] = await Promise.all([measureApart(program, small), measureApart(program, large)]);
      const ratio = many.peakBytes / one.peakBytes;
      isGood &&= ratio <= maxRatio;
      const cells = [
        name,
        many.tests.toLocaleString('en-US'),
        inMebibytes(one.peakBytes),
        inMebibytes(many.peakBytes),
        ratio.toFixed(2),
        `${many.seconds.toFixed(1)} s`,
      ];
      rows.push(`| ${cells.join(' | ')} |`);
    } finally {
      await Promise.all([small, large].map((dir) => rm(dir, { recursive: true })));
    }
  }
  const [least, most] = [describe(few), describe(much)];
  const head = [
    `| reports of | tests in ${most} | peak, ${least} | peak, ${most} | ratio | time, ${most} |`,
    '|---|--:|--:|--:|--:|--:|',
  ];
  process.stdout.write(`${[...head, ...rows].join('\n')}\n\n`);
  return isGood;
}

/** A results directory with this many reports as the tests would have written them. */
async function makeRun(piece: (i: number) => string, [reports, megabytes]: Amount): Promise<string> {
  const bytes = megabytes * megabyte;
  const root = await mkdtemp(path.join(tmpdir(), 'bench-junit-'));
  const dir = layoutResults(root);
  for (const one of [dir.results, dir.junit]) await mkdir(one);
  const file = createWriteStream(path.join(dir.results, 'junit.xml'));
  file.write('<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest">\n');
  let written = 0;
  let isCdata = false;
  for (let i = 0; written < bytes; i++) {
    const text = piece(i);
    isCdata ||= text.endsWith('<![CDATA[');
    written += Buffer.byteLength(text);
    if (!file.write(text)) await once(file, 'drain');
  }
  file.end(`${isCdata ? ']]></system-out>' : ''}</testsuite></testsuites>`);
  await once(file, 'close');
  for (let i = 2; i <= reports; i++)
    await copyFile(path.join(dir.results, 'junit.xml'), path.join(dir.results, `junit-${i}.xml`));
  return root;
}

async function measureApart(program: string, root: string): Promise<Measured> {
  const child = spawn(process.execPath, [program, '--measure', root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  await once(child, 'close');
  return JSON.parse(printed) as Measured;
}

/** All that a run does with its report, from the file that the tests wrote to the page that people open. */
async function measure(root: string): Promise<Measured> {
  keepYoungGenerationSmall();
  const start = performance.now();
  const dir = layoutResults(root);
  await stat(dir.results);
  const signal = new AbortController().signal;
  const taken = await takeFiles({
    directory: dir.results,
    root,
    mask: new SecretMask([]),
    limits: { totalBytes: Number.POSITIVE_INFINITY, files: 1000 },
    isFenced: true,
    signal,
  });
  const collected = await collectResults({
    taken,
    takenDir: dir.results,
    junitDir: dir.junit,
    junitGlobs: ['**/*.xml'],
    seenAs: '/results',
    notBefore: 0,
    signal,
  });
  const tests = collected.reports.flatMap((report) => report.cases);
  const { failure, counts } = decideVerdict({
    interruption: null,
    end: { exitCode: 1 },
    memoryLimit: '1Gi',
    memory: { kills: [] },
    reports: collected.reports,
    unreadable: collected.unreadable,
    stale: [],
    reconstructed: undefined,
    sessions: [],
    failedNames: tests.filter(({ status }) => status === 'failed').map(({ name }) => name),
    logGaps: [],
    junitGlobs: ['**/*.xml'],
    resultsPath: '/results',
  });
  const verdict: Verdict = {
    schema: 1,
    outcome: outcomeOf(failure),
    failure,
    tier: 'integration',
    tests: counts,
    phases: [],
    durationSeconds: 1,
    cluster: null,
    image: null,
    warnings: collected.warnings,
  };
  await writeJUnit(dir.junitXml, { reports: collected.reports, phases: [], failure });
  await writeReport({ verdict, tests, logs: [], resultsDir: root }, dir);
  return {
    // Linux and libuv count kibibytes.
    peakBytes: process.resourceUsage().maxRSS * 1024,
    seconds: (performance.now() - start) / 1000,
    tests: counts.total,
  };
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
