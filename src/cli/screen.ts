/** The destinations of a command's text and of its JSON. */
import type { Check } from '../cluster/judge-machine.ts';
import { exitStatusOf, type Failure, verdictWithoutTests } from '../core/outcome.ts';
import { renderResultJson } from '../report/result-json.ts';
import { renderTerminal } from '../report/terminal.ts';
import type { RunEnd } from '../results/run-end.ts';
import { columnsOf, foldText } from './fold-text.ts';
import type { Start } from './init.ts';
import { renderChecks } from './render-checks.ts';
import { renderHistory, type ShownHistory } from './show-history.ts';
import { wantsColour } from './terminal-reporter.ts';

/** What `down` did. */
export interface Removal {
  /** Runs of which nothing is left. */
  removed: { runId: string; startedAt: string }[];
  /** What was not removed because it is in use, a line each. */
  inUse: string[];
  /** What could not be removed, a line each. */
  notRemoved: string[];
}

/**
 * The two streams of a process. Without `--json`, text is written to standard output. With `--json`, standard output holds one
 * JSON document, written when the command ends, and text goes to standard error.
 */
export class Screen {
  readonly isJson: boolean;
  readonly words: NodeJS.WriteStream;

  constructor(isJson: boolean) {
    this.isJson = isJson;
    this.words = isJson ? process.stderr : process.stdout;
  }

  say(line: string): void {
    this.words.write(`${line}\n`);
  }

  /** Shows the end of a run; as JSON it is the content of result.json. Returns the exit status. */
  showEnd(end: RunEnd): number {
    this.showWords(end);
    return this.finish(end);
  }

  /** The end of a run as text: printed as soon as it is known, before the teardown. */
  showWords({ report }: Pick<RunEnd, 'report'>): void {
    const colour = wantsColour(this.words, process.env);
    this.say(`\n${renderTerminal(report, { colour, cwd: process.cwd() }).join('\n')}`);
  }

  /** The last that a command does with a run: with `--json` it prints result.json. Returns the exit status. */
  finish(end: RunEnd): number {
    this.showVerdict(end);
    return exitStatusOf(end.verdict);
  }

  /** With `--json`, prints the content of result.json. */
  showVerdict({ verdict, report }: Pick<RunEnd, 'verdict' | 'report'>): void {
    if (this.isJson) process.stdout.write(renderResultJson(verdict, report));
  }

  /** Prints why a command does nothing; as JSON it is a verdict without tests. Returns the exit status. */
  refuse(failure: Failure, words = failure.reason): number {
    process.stderr.write(`${words}\n`);
    const verdict = verdictWithoutTests('', failure);
    if (this.isJson) process.stdout.write(renderResultJson(verdict));
    return exitStatusOf(verdict);
  }

  /** Shows what `doctor` found. */
  showChecks(checks: Check[], tier: string): void {
    if (!this.isJson) this.say(renderChecks(checks, tier, columnsOf(this.words)).join('\n'));
    else {
      const told = checks.map(({ name, state, found, needed, fix }) => ({ name, state, found, needed, fix }));
      this.#print({ schema: 1, tier, canRun: !checks.some(({ state }) => state === 'problem'), checks: told });
    }
  }

  /** Shows what `init` wrote, what it assumed, and what to do next. */
  showStart(start: Start): void {
    const { written, kept, assumptions, commands } = start;
    const list = (title: string, lines: string[]) =>
      lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`), ''];
    const columns = columnsOf(this.words) ?? Number.POSITIVE_INFINITY;
    // Paths and commands stay whole, so that they can be copied.
    const assumed = assumptions.flatMap((one) => foldText(one, columns - 2, '', '  '));
    const lines = [
      ...list('Written', written),
      ...list('There already, and not changed', kept),
      ...list('Assumed', assumed),
      ...list('Next', commands),
    ];
    if (this.isJson) this.#print({ schema: 1, ...start });
    else this.say(lines.join('\n').trimEnd());
  }

  /** Shows the history of earlier runs. */
  showHistory(history: ShownHistory): void {
    if (this.isJson) this.#print(history);
    else this.say(renderHistory(history).join('\n'));
  }

  /** With `--json`, prints what `down` did. */
  showRemoval(removal: Removal): void {
    if (this.isJson) this.#print({ schema: 1, ...removal });
  }

  #print(document: object): void {
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  }
}
