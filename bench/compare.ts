/**
 * Holds a run of ours beside the usual script (bench/usual-script.sh), alternating, on this repository's chart, images and
 * tests:
 *
 *     node bench/compare.ts [rounds]                     5, unless it is given
 *     node bench/compare.ts [rounds] --whole-bad-image   also lets the script wait its ten minutes for an image that is not there
 *     node bench/compare.ts [rounds] --wide              three nodes and six more images in place of all that, printed only
 *
 * Needs docker, kind, helm and kubectl on the PATH, and what `make images build` makes. Writes bench/results.md,
 * bench/results.json and the picture bench/seconds.svg, and prints the first.
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { medianOf } from '../src/history/median.ts';

/** A part of a run, in milliseconds since its start. */
interface Step {
  name: string;
  from: number;
  to: number;
}

interface TimedRun {
  /** Milliseconds until the verdict is known to the user. */
  verdict: number;
  /** Seconds that all cores together worked until then, for whatever program. */
  cpuSeconds: number;
  steps: Step[];
}

interface Measured {
  round: number;
  script: TimedRun;
  ours: TimedRun;
  /** Milliseconds from the change of a test file, through the build of the image, to the verdict of its tests. */
  changed: number;
  /** Milliseconds to the verdict of all tests, run again in the kept cluster. */
  again: number;
  badImage: number;
  load: number;
}

/** USER_HZ, which is the same on all of Linux that Node runs on. */
const ticksPerSecond = 100;
const root = path.resolve(import.meta.dirname, '..');
const example = path.join(root, 'examples/floe');
const cli = path.join(root, 'dist/cli.js');
const nodeImage = process.env.FLOE_LAB_NODE_IMAGE;
const nodeImageFlags = nodeImage === undefined ? [] : ['--node-image', nodeImage];
const rounds = Number(process.argv[2] ?? 5);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`rounds: "${process.argv[2]}" is no whole number above 0`);
if (process.argv.includes('--wide')) {
  await compareWide();
  process.exit();
}
const valuesWithBadImage = badValues();
const measured: Measured[] = [];
for (let round = 1; round <= rounds; round++) {
  process.stderr.write(`round ${round} of ${rounds}\n`);
  // Alternating, so that neither always comes first.
  const script = round % 2 === 1 ? await runScript(round) : undefined;
  const own = await runOurs();
  measured.push({ round, ...own, script: script ?? (await runScript(round)), load: loadavg()[0] ?? 0 });
}
const wholeBadImage = process.argv.includes('--whole-bad-image') ? await runScriptWithBadImage() : undefined;
const table = renderTable(wholeBadImage);
writeFileSync(path.join(root, 'bench/results.md'), table);
writeFileSync(path.join(root, 'bench/results.json'), `${JSON.stringify(measured, undefined, 1)}\n`);
writeFileSync(path.join(root, 'bench/seconds.svg'), renderPicture());
process.stdout.write(table);

/** As large as the tier e2e: three nodes, and six more images of 200 MB each. */
async function compareWide(): Promise<void> {
  const nodes = 3;
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-compare-'));
  const images = Array.from({ length: 6 }, (_, at) => `bench-wide-${at}:1`);
  for (const image of images) {
    writeFileSync(path.join(directory, 'file'), randomBytes(200_000_000));
    writeFileSync(path.join(directory, 'Dockerfile'), 'FROM debian:bookworm-slim\nCOPY file /file\n');
    execFileSync('docker', ['build', '--quiet', '--tag', image, directory], { stdio: 'ignore' });
  }
  const more = ['--nodes', String(nodes), '--load-images', images.join('\n')];
  const results = path.join(directory, 'results');
  process.stdout.write('| round | ours | script | ratio | load |\n|--:|--:|--:|--:|--:|\n');
  for (let round = 1; round <= rounds; round++) {
    const script = await runScript(round, { NODES: String(nodes), MORE_IMAGES: images.join(' ') });
    const ours = await runCli(
      ['run', '--tier', 'integration', ...nodeImageFlags, ...more, '--results-dir', results],
      'passed',
    );
    const cells = [ours.verdict / 1000, script.verdict / 1000].map((seconds) => seconds.toFixed(1));
    const ratio = (ours.verdict / script.verdict).toFixed(2);
    process.stdout.write(`| ${round} | ${cells.join(' | ')} | ${ratio} | ${loadavg()[0]?.toFixed(1)} |\n`);
    for (const [name, { steps }] of Object.entries({ ours, script }))
      process.stderr.write(
        `${name}: ${steps.map((step) => `${step.name} ${((step.to - step.from) / 1000).toFixed(1)} s`).join(', ')}\n`,
      );
  }
  execFileSync('docker', ['image', 'rm', ...images], { stdio: 'ignore' });
  rmSync(directory, { recursive: true });
}

async function runScript(round: number, env: Record<string, string> = {}): Promise<TimedRun> {
  const { words, ...timed } = await timeScript([`usual-${round}`], env);
  if (words.get('outcome') !== 'passed') throw new Error(`the script did not pass: ${[...words].join(' ')}`);
  return timed;
}

/** Milliseconds to the verdict of the script when the chart names an image that is nowhere. */
async function runScriptWithBadImage(): Promise<number> {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-compare-'));
  const values = path.join(directory, 'values.yaml');
  writeFileSync(values, valuesWithBadImage);
  const { words, verdict } = await timeScript(['usual-bad', values]);
  rmSync(directory, { recursive: true });
  if (words.get('outcome') !== 'broken') throw new Error('the script passed with an image that is not there');
  return verdict;
}

function badValues(): string {
  const values = readFileSync(path.join(example, 'deploy/values.yaml'), 'utf8');
  const bad = values.replace(/(repository: floe-example\s+tag: )dev/, '$1not-there');
  if (bad === values) throw new Error('deploy/values.yaml does not name the image floe-example:dev any more');
  return bad;
}

async function timeScript(
  args: string[],
  env: Record<string, string> = {},
): Promise<TimedRun & { words: Map<string, string> }> {
  const steps: Step[] = [];
  const words = new Map<string, string>();
  let verdict = Number.NaN;
  let cpuSeconds = Number.NaN;
  const busyBefore = busySeconds();
  await follow(path.join(root, 'bench/usual-script.sh'), args, { cwd: root, env }, (line) => {
    const [name = '', value = ''] = line.split(' ');
    if (!/^\d+$/.test(value)) words.set(name, value);
    else if (name === 'verdict') {
      verdict = Number(value);
      cpuSeconds = busySeconds() - busyBefore;
    } else steps.push({ name, from: steps.at(-1)?.to ?? 0, to: Number(value) });
  });
  return { verdict, cpuSeconds, steps, words };
}

/** A cold run, two in a cluster that stays, and one whose chart names an image that is nowhere. */
async function runOurs(): Promise<Pick<Measured, 'ours' | 'changed' | 'again' | 'badImage'>> {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-compare-'));
  const results = path.join(directory, 'results');
  const common = ['--tier', 'integration', ...nodeImageFlags, '--results-dir', results];
  const ours = await runCli(['run', ...common], 'passed');
  await runCli(['up', ...common]);
  const again = await runCli(['rerun', '--tier', 'integration'], 'passed');
  const changed = await rerunChanged(path.join(directory, 'example'));
  await runCli(['down']);

  const values = path.join(directory, 'values.yaml');
  writeFileSync(values, valuesWithBadImage);
  const badImage = await runCli(['run', ...common, '--values', values], 'broken');
  rmSync(directory, { recursive: true, force: true });
  return { ours, changed, again: again.verdict, badImage: badImage.verdict };
}

/** Milliseconds from the change of a file of tests, in a copy of the example, to the verdict of its tests. */
async function rerunChanged(copy: string): Promise<number> {
  const file = 'tests/integration/test_platform.py';
  cpSync(example, copy, { recursive: true, filter: (name) => !name.endsWith('.venv') });
  const build = (context: string) =>
    execFileSync(
      'docker',
      ['build', '--quiet', '--tag', 'floe-test-runner:dev', '--file', path.join(context, 'tests/Dockerfile'), context],
      { stdio: 'ignore' },
    );
  const started = performance.now();
  appendFileSync(path.join(copy, file), `# Changed at ${new Date().toISOString()}\n`);
  build(copy);
  const building = performance.now() - started;
  try {
    return building + (await runCli(['rerun', file, '--tier', 'integration'], 'passed')).verdict;
  } finally {
    build(example);
  }
}

/**
 * Runs the command line. A phase is timed by the line that reports its end and its seconds.
 * @param outcome what its verdict has to be; none for a command without a verdict.
 */
async function runCli(args: string[], outcome?: 'passed' | 'broken'): Promise<TimedRun> {
  const started = performance.now();
  const busyBefore = busySeconds();
  const steps: Step[] = [];
  let verdict = Number.NaN;
  let cpuSeconds = Number.NaN;
  await follow(process.execPath, [cli, ...args], { cwd: example }, (line) => {
    const at = performance.now() - started;
    const phase = /^\s*[✓✗] ([a-z]+)\s+([\d.]+) s$/.exec(line);
    if (phase !== null) steps.push({ name: phase[1] ?? '', from: at - Number(phase[2]) * 1000, to: at });
    else if (outcome !== undefined && Number.isNaN(verdict) && /^\s*[✓✗] (passed|failed|broken)\b/.test(line)) {
      if (!line.includes(outcome)) throw new Error(`k8s-test ${args.join(' ')}: ${line}`);
      verdict = at;
      cpuSeconds = busySeconds() - busyBefore;
    }
  });
  if (outcome !== undefined && Number.isNaN(verdict)) throw new Error(`k8s-test ${args.join(' ')} printed no verdict`);
  return { verdict, cpuSeconds, steps };
}

/** Seconds for which the cores have worked since the machine's start (proc_stat(5)); not a number where there is no /proc. */
function busySeconds(): number {
  if (!existsSync('/proc/stat')) return Number.NaN;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) / ticksPerSecond;
}

async function follow(
  program: string,
  args: string[],
  { cwd, env }: { cwd: string; env?: Record<string, string> },
  onLine: (line: string) => void,
): Promise<void> {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve());
  });
  for await (const line of createInterface({ input: child.stdout })) onLine(line);
  await ended;
}

function median(values: readonly number[]): number {
  return medianOf(values) ?? Number.NaN;
}

function renderTable(scriptWithBadImage: number | undefined): string {
  const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(1);
  const of = (pick: (one: Measured) => number) => measured.map(pick);
  const scripts = of(({ script }) => script.verdict);
  const row = (what: string, ours: number[], others: number[], goal: string) => {
    const ratios = ours.map((one, index) => one / (others[index] ?? Number.NaN));
    return `| ${what} | ${seconds(median(ours))} | ${seconds(median(others))} | ${median(ratios).toFixed(2)} | ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} | ${goal} |`;
  };
  const bad =
    scriptWithBadImage === undefined
      ? []
      : [
          row(
            'bad image in the chart',
            of((one) => one.badImage),
            of(() => scriptWithBadImage),
            '≤ 0.05',
          ),
        ];
  return `# A run beside the usual script

Written by \`make bench\` on ${new Date().toISOString().slice(0, 10)}: ${rounds} alternating rounds, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, load at the end of each round ${measured.map(({ load }) => load.toFixed(1)).join(', ')}. Seconds to the verdict, medians; the ratio is the median of the rounds' ratios.

| | ours | script | ratio | smallest to largest | goal |
|---|--:|--:|--:|--:|--:|
${[
  row(
    'all tests pass, new cluster',
    of(({ ours }) => ours.verdict),
    scripts,
    '≤ 0.45',
  ),
  row(
    'all tests again, kept cluster',
    of(({ again }) => again),
    scripts,
    '≤ 0.25',
  ),
  row(
    'one test file changed, kept cluster',
    of(({ changed }) => changed),
    scripts,
    '≤ 0.10',
  ),
  ...bad,
].join('\n')}

${describeParts()}

${describeCpu()}
${scriptWithBadImage === undefined ? `\nWith a bad image in the chart ours took ${seconds(median(of((one) => one.badImage)))} s; the script, which waits ten minutes, was not run with it.\n` : ''}`;
}

/** What of its time the script takes beside loading images: kind, helm, the platform's own start, and the tests. */
function describeParts(): string {
  const shares = measured.map(({ script }) => {
    const loading = script.steps.find(({ name }) => name === 'load');
    if (loading === undefined) throw new Error('the script has no step "load"');
    return (script.verdict - (loading.to - loading.from)) / script.verdict;
  });
  return `Without its loading of images the script takes ${median(shares).toFixed(2)} of its time: kind create, the start of the platform, and the tests, one after the other.`;
}

/** What the cores did until the verdict: no order of the same work on these cores can be faster. */
function describeCpu(): string {
  const cores = availableParallelism();
  const ours = median(measured.map((one) => one.ours.cpuSeconds));
  const script = median(measured.map((one) => one.script.cpuSeconds));
  const bound = median(measured.map((one) => (one.ours.cpuSeconds * 1000) / cores / one.script.verdict));
  return `Until the verdict of a new cluster the ${cores} cores worked ${ours.toFixed(0)} s for ours and ${script.toFixed(0)} s for the script. With the same work in any order the ratio cannot be below ${bound.toFixed(2)} on them.`;
}

/** The median round as bars: where the seconds go, in ours and in the script. */
function renderPicture(): string {
  const sorted = [...measured].sort((a, b) => a.ours.verdict - b.ours.verdict);
  const shown = sorted[Math.floor(sorted.length / 2)];
  if (shown === undefined) throw new Error('no round was measured');
  const whole = Math.max(...[...shown.script.steps, ...shown.ours.steps].map(({ to }) => to));
  const lines: string[] = [];
  let y = 16;
  for (const [name, { verdict, steps }] of [
    ['script', shown.script],
    ['ours', shown.ours],
  ] as const) {
    lines.push(
      `<text x="0" y="${y}" font-weight="bold">${name}: verdict after ${(verdict / 1000).toFixed(1)} s</text>`,
    );
    for (const step of steps) {
      y += 20;
      const x = 110 + (step.from / whole) * 560;
      const width = Math.max(1, ((step.to - step.from) / whole) * 560);
      lines.push(
        `<text x="100" y="${y}" text-anchor="end">${step.name}</text><rect x="${x.toFixed(1)}" y="${y - 11}" width="${width.toFixed(1)}" height="13"/><text x="${(x + width + 4).toFixed(1)}" y="${y}">${((step.to - step.from) / 1000).toFixed(1)} s</text>`,
      );
    }
    y += 30;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="740" height="${y}" font-family="sans-serif" font-size="12" fill="#57606a"><style>rect{fill:#4c8dd6}</style>${lines.join('')}</svg>\n`;
}
