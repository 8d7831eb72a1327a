import { randomBytes } from 'node:crypto';
import * as core from '@actions/core';
import type { Failure, PhaseName, PhaseRecord } from '../core/outcome.ts';
import type { Reporter } from '../core/reporter.ts';

/** Minimum interval between progress lines: enough for a reader, without filling the log. */
const waitingSeconds = 15;
/** GitHub keeps ten annotations of each kind a step and drops the rest silently. */
const maxWarnings = 10;

/**
 * The log of a GitHub step: a group for each phase; what overlaps with it is reported inside. Lines of others are wrapped in
 * stop-commands with a random token, since the runner obeys workflow commands anywhere in a line.
 */
export class ActionReporter implements Reporter {
  readonly #write: (line: string) => void;
  readonly #token = randomBytes(16).toString('hex');
  #openGroup: PhaseName | undefined;
  #warnings = 0;
  #isQuoting = false;
  #lastWaiting = { what: '', at: Number.NEGATIVE_INFINITY };

  constructor(write: (line: string) => void = (line) => process.stdout.write(`${line}\n`)) {
    this.#write = write;
  }

  phaseStarted(name: PhaseName): void {
    if (this.#openGroup === undefined) {
      this.#command(`::group::${name}`);
      this.#openGroup = name;
    } else this.say(`${name} begins`);
  }

  phaseEnded(record: PhaseRecord): void {
    const how = record.outcome === 'passed' ? 'done' : record.outcome;
    this.say(`${record.name} ${how} after ${record.seconds.toFixed(1)} s`);
    if (this.#openGroup !== record.name) return;
    this.#command('::endgroup::');
    this.#openGroup = undefined;
  }

  say(line: string): void {
    this.#command(escapeOwnLine(line));
  }

  warn(line: string): void {
    this.#warnings++;
    if (this.#warnings > maxWarnings) this.say(`warning: ${line}`);
    else if (this.#warnings < maxWarnings) this.#command(`::warning::${escapeData(line)}`);
    else this.#command(`::warning::${escapeData(`${line} (further warnings are in the log and in result.json)`)}`);
  }

  error(line: string): void {
    this.#command(`::error::${escapeData(line)}`);
  }

  /** The one line with the reason why the step is red. */
  fail(failure: Failure): void {
    this.#command(
      `::error title=${escapeProperty(`k8s-test: ${failure.kind}`)}::${escapeData(`${failure.reason} ${failure.hint}`.trim())}`,
    );
  }

  waitingFor(what: string): void {
    const now = performance.now();
    if (what === this.#lastWaiting.what || now - this.#lastWaiting.at < waitingSeconds * 1000) return;
    this.#lastWaiting = { what, at: now };
    this.say(`… ${what}`);
  }

  quote(line: string): void {
    if (!this.#isQuoting) {
      this.#write(`::stop-commands::${this.#token}`);
      this.#isQuoting = true;
    }
    // The token is random and never shown to what is quoted, so that no line can end the quotation.
    // The page that shows the log paints `##[error]` all the same.
    this.#write(breakCommands(line.replaceAll('\r', '')));
  }

  mask(secret: string): void {
    this.#endQuotation();
    core.setSecret(secret);
  }

  /** Ends an open quotation and group, so that the runner obeys commands that are printed next. */
  close(): void {
    this.#endQuotation();
    if (this.#openGroup !== undefined) this.#write('::endgroup::');
    this.#openGroup = undefined;
  }

  #command(line: string): void {
    this.#endQuotation();
    this.#write(line);
  }

  #endQuotation(): void {
    if (!this.#isQuoting) return;
    this.#write(`::${this.#token}::`);
    this.#isQuoting = false;
  }
}

/** Breaks up the old form of workflow commands, which the runner, and the page that shows its log, obey anywhere in a line. */
export function breakCommands(text: string): string {
  return text.replaceAll('##[', '##\u200b[');
}

/** Data of a workflow command, as @actions/core escapes it. */
function escapeData(text: string): string {
  return breakCommands(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** A property of a workflow command, as @actions/core escapes it. */
function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/**
 * Our own lines may carry names of others: nothing in them may be read as a command (`::name::`, `##[name]`). U+0085 is white
 * space for the runner, which trims a line before it looks (.NET), and not for JavaScript.
 */
function escapeOwnLine(line: string): string {
  return breakCommands(line.replaceAll(/[\r\n]+/g, ' ')).replace(/^([\s\u0085]*):(?=:)/, '$1:\u200b');
}
