/** The pictures of the documents, each with the page that is photographed. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TerminalReporter } from '../../src/cli/terminal-reporter.ts';
import { succeed } from '../../src/core/outcome.ts';
import type { Reporter } from '../../src/core/reporter.ts';
import { renderReportHtml } from '../../src/report/report-html.ts';
import { renderSummary } from '../../src/report/summary-markdown.ts';
import { rollUp } from '../../src/roll-up/roll-up.ts';
import { drawTerminal } from './draw-terminal.ts';
import { readCalls, readReport, storedRuns } from './stored-runs.ts';

/** What is drawn: a whole page, Markdown as GitHub shows it, or the content of a terminal. */
export type Source = { kind: 'html' | 'markdown' | 'terminal'; text: string };

export interface Picture {
  /** Its file in docs/pictures, without the ending. */
  name: string;
  source: Source;
  theme: 'light' | 'dark';
  /** CSS pixels. */
  width: number;
  /** Whether all tests that the report lists are unfolded. */
  unfolds: boolean;
}

const root = path.resolve(import.meta.dirname, '../..');
const wide = 900;
const phone = 390;
const main = path.join(root, 'src/cli/main.ts');

/** All pictures, drawn by the code of the day. */
export async function listPictures(): Promise<Picture[]> {
  const summary = (name: string): Source => ({ kind: 'markdown', text: renderSummary(readReport(name)) });
  const report = (name: string): Source => ({ kind: 'html', text: [...renderReportHtml(readReport(name))].join('') });
  const picture = (name: string, source: Source, theme: Picture['theme'] = 'light', width = wide): Picture => ({
    name,
    source,
    theme,
    width,
    unfolds: name.startsWith('red-report'),
  });
  const three = (name: string, source: Source, narrow: Source = source) => [
    picture(name, source),
    picture(`${name}-dark`, source, 'dark'),
    picture(`${name}-narrow`, narrow, 'light', phone),
  ];
  const onTerminal = (show: (columns: number) => Promise<string>) => async (columns: number) => {
    const text = await drawTerminal(await show(columns), columns);
    return { kind: 'terminal' as const, text };
  };
  const matrix = await rollUpStored();
  const help = onTerminal(async (columns) => run(['--help'], root, columns));
  const init = onTerminal(async (columns) => showInit(columns));
  const progress = onTerminal(showProgress);
  return [
    ...three('red-summary', summary('red')),
    ...three('red-report', report('red')),
    picture('green-summary', summary('green')),
    picture('green-report', report('green')),
    picture('oom-summary', summary('oom')),
    picture('oom-report', report('oom')),
    ...three('matrix-summary', { kind: 'markdown', text: matrix.summary }),
    ...three('matrix-report', { kind: 'html', text: matrix.report }),
    ...three('help', await help(80), await help(48)),
    ...three('init', await init(100), await init(48)),
    ...three('progress', await progress(100), await progress(48)),
  ];
}

/** What a command of ours prints. */
function run(args: string[], cwd: string, columns: number): string {
  const env = { ...process.env, COLUMNS: String(columns), GITHUB_ACTIONS: '' };
  const { stdout, stderr, status } = spawnSync(process.execPath, [main, ...args], { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`k8s-test ${args.join(' ')}: ${stderr}`);
  return `$ k8s-test ${args.join(' ')}\n${stdout}`;
}

/** The first command of a user: in a repository with a chart, a service and its Dockerfile. */
function showInit(columns: number): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'pictures-'));
  const repository = path.join(directory, 'shop');
  try {
    for (const name of ['chart', 'Dockerfile', 'shop.py'])
      cpSync(path.join(root, 'examples/shop', name), path.join(repository, name), { recursive: true });
    return run(['init'], repository, columns);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The first run, up to the moment when its image was on its way into the node. */
async function showProgress(columns: number): Promise<string> {
  let text = '$ k8s-test run\n';
  const out = { isTTY: true, columns, write: (more: string) => (text += more) };
  const reporter: Reporter = new TerminalReporter(out, { TERM: 'xterm-256color' });
  const realNow = performance.now;
  const calls = readCalls('progress');
  try {
    for (const { at, method, argument } of calls) {
      performance.now = () => at;
      (reporter[method] as (argument: unknown) => void).call(reporter, argument);
    }
    // What is live is drawn by its own clock.
    await new Promise((resolve) => setTimeout(resolve, 300));
    return text;
  } finally {
    performance.now = realNow;
    endPhases(reporter, calls);
  }
}

/** The clock of the reporter ends with its last phase. */
function endPhases(reporter: Reporter, calls: ReturnType<typeof readCalls>): void {
  for (const { method, argument } of calls)
    if (method === 'phaseStarted')
      reporter.phaseEnded({ name: argument as Parameters<Reporter['phaseStarted']>[0], outcome: 'passed', seconds: 0 });
}

/** Summary and report of a roll-up over the stored results. */
async function rollUpStored(): Promise<{ summary: string; report: string }> {
  const directory = mkdtempSync(path.join(tmpdir(), 'pictures-'));
  try {
    const end = await rollUp({
      inputs: {
        resultsDir: path.join(directory, 'report'),
        expected: [],
        jobResults: { integration: { result: 'failure' } },
      },
      legs: succeed({ directory: path.join(storedRuns, 'legs'), artifacts: [] }),
      say: () => {},
      signal: new AbortController().signal,
    });
    const name = (text: string) => text.replaceAll(end.dir.root, 'k8s-test-results/report');
    return {
      summary: name(end.summarize?.(100_000) ?? ''),
      report: name(readFileSync(path.join(end.dir.root, 'report.html'), 'utf8')),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
