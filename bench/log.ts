/**
 * Measures, on a real cluster (FLOE_TEST_CLUSTER, or one that it makes):
 *
 *     node bench/log.ts memory   peak memory of the whole process for a log of 200 MB in a minute beside one of 1 MB
 *     node bench/log.ts delay    from the end of the test container to the verdict on the disk, 20 runs
 *
 * Prints a table for the README, and fails when a limit of the project is exceeded.
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { makeSharedCluster, sharedImage } from '../__tests__/on-cluster/global-setup.ts';
import type { ReadyCluster } from '../src/cluster/make-cluster.ts';

interface Numbers {
  outcome: string;
  reason: string;
  warnings: string[];
  logs: string;
  results: string;
  /** Milliseconds of the epoch. */
  decidedAt: number;
  peakBytes: number;
}

const maxMemoryRatio = 1.5;
const maxDelaySeconds = 3;
const delayRuns = 20;

const [what = ''] = process.argv.slice(2);
const reusable = process.env.FLOE_TEST_CLUSTER || undefined;
const made = reusable === undefined ? await makeSharedCluster() : undefined;
const cluster = made?.cluster ?? (JSON.parse(readFileSync(reusable!, 'utf8')) as ReadyCluster);
const directory = mkdtempSync(path.join(cluster.mountedHostPath, 'bench-'));
try {
  const described = path.join(directory, 'cluster.json');
  writeFileSync(described, JSON.stringify(cluster));
  process.env.FLOE_TEST_CLUSTER = described;
  // As the action runs: one bundle. Types stripped while running would count as memory.
  const bundle = path.join(directory, 'run.mjs');
  await build({
    entryPoints: [path.join(import.meta.dirname, 'run-on-cluster.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  if (what === 'memory') await measureMemory(bundle);
  else if (what === 'delay') measureDelay(bundle);
  else throw new Error('what is to be measured: memory or delay?');
} finally {
  rmSync(directory, { recursive: true, force: true });
  await made?.remove();
}

function runOnce(bundle: string, name: string, script: string): Numbers {
  const root = mkdtempSync(path.join(directory, `${name}-`));
  const numbers = path.join(root, 'numbers.json');
  const run = spawnSync(process.execPath, [bundle, numbers, root, sharedImage, script], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.status !== 0) throw new Error(`${name} ended with ${run.status}: ${run.stderr}`);
  return JSON.parse(readFileSync(numbers, 'utf8')) as Numbers;
}

/**
 * Numbered lines of 100 bytes, a number of megabytes of them in a number of seconds, and a report, so that the run is green.
 */
function writeLog(megabytes: number, seconds: number): string {
  return `cat > /tmp/w.py <<'PY'
import sys, time
start = time.monotonic()
for m in range(${megabytes}):
    sys.stdout.write("".join("line %08d %s\\n" % (m * 10000 + i, "x" * 85) for i in range(10000)))
    sys.stdout.flush()
    time.sleep(max(0, start + (m + 1) * ${seconds} / ${megabytes} - time.monotonic()))
open("/results/junit.xml", "w").write('<testsuite tests="1" failures="0" errors="0" skipped="0"><testcase name="it wrote"/></testsuite>')
PY
python3 /tmp/w.py`;
}

async function measureMemory(bundle: string): Promise<void> {
  const rows: { megabytes: number; peakBytes: number }[] = [];
  for (const [megabytes, seconds] of [
    [1, 1],
    [200, 60],
  ] as const) {
    const numbers = runOnce(bundle, `memory-${megabytes}`, writeLog(megabytes, seconds));
    if (numbers.outcome !== 'passed') throw new Error(`${megabytes} MB: ${numbers.outcome}, ${numbers.reason}`);
    await checkLog(numbers, megabytes);
    rows.push({ megabytes, peakBytes: numbers.peakBytes });
  }
  const ratio = rows[1]!.peakBytes / rows[0]!.peakBytes;
  process.stdout.write('| log | peak memory of the process |\n|---|---|\n');
  for (const row of rows) process.stdout.write(`| ${row.megabytes} MB | ${Math.round(row.peakBytes / 1e6)} MB |\n`);
  process.stdout.write(`\nratio ${ratio.toFixed(2)}, at most ${maxMemoryRatio}\n`);
  if (ratio > maxMemoryRatio) process.exitCode = 1;
}

/** That every line is there once, in order. */
async function checkLog(numbers: Numbers, megabytes: number): Promise<void> {
  const [pod] = readdirSync(numbers.logs);
  const file = path.join(numbers.logs, pod!, 'test-runner.log');
  let expected = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (Number(line.slice(5, 13)) !== expected) throw new Error(`line ${expected} of the log is ${line.slice(0, 40)}`);
    expected += 1;
  }
  if (expected !== megabytes * 10_000 || numbers.warnings.length > 0)
    throw new Error(`${expected} lines of ${megabytes * 10_000}; ${numbers.warnings.join('; ')}`);
}

function measureDelay(bundle: string): void {
  const delays: number[] = [];
  for (let i = 0; i < delayRuns; i += 1) {
    // The last thing that the container does is to write a file: its time is the end's, but for a few milliseconds.
    const numbers = runOnce(
      bundle,
      `delay-${i}`,
      `echo begun; echo '<testsuite><testcase name="one"/></testsuite>' > /results/junit.xml; sleep 2; touch /results/end`,
    );
    if (numbers.outcome !== 'passed') throw new Error(`run ${i}: ${numbers.outcome}, ${numbers.reason}`);
    delays.push((numbers.decidedAt - statSync(path.join(numbers.results, 'end')).mtimeMs) / 1000);
  }
  delays.sort((a, b) => a - b);
  const at = (share: number) => delays[Math.ceil(share * delays.length) - 1]!;
  process.stdout.write('| runs | median | p95 | largest |\n|---|---|---|---|\n');
  const cells = [at(0.5), at(0.95), at(1)].map((seconds) => `${seconds.toFixed(1)} s`);
  process.stdout.write(`| ${delays.length} | ${cells.join(' | ')} |\n`);
  if (at(0.95) > maxDelaySeconds) process.exitCode = 1;
}
