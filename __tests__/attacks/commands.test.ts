/**
 * Workflow commands of others through every method of the reporter of the action, read by what the runner's two parsers do:
 * https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs (`TryParseV2`, `TryParse`).
 */
import { expect } from 'vitest';
import { ActionReporter } from '../../src/action/action-reporter.ts';
import { type Attempt, testAttack } from './attempts.ts';

const commands = [
  'add-mask', 'add-matcher', 'add-path', 'debug', 'error', 'group', 'notice', 'save-state', 'set-env', 'set-output', 'stop-commands', 'warning', 'echo',
]; // biome-ignore format: a table
/** White space for .NET, separators, and what is removed or ignored by some readers. */
const prefixes = [
  '', ' ', '\t', '\n', '\r', '\r\n', '\v', '\f', '\u0085', '\u00a0', '\u1680', '\u2000', '\u2001', '\u2002', '\u2003', '\u2004', '\u2005', '\u2006',
  '\u2007', '\u2008', '\u2009', '\u200a', '\u2028', '\u2029', '\u202f', '\u205f', '\u3000', '\ufeff', '\u200b', '\u200c', '\u200d', '\u2060', '\u180e',
  '%0A', '%0D%0A', '\u0000', '\u001b[0m', 'x', 'a name: ', '\u0085\u0085 \t', '\u0085\n\u2028',
]; // biome-ignore format: a table

/** As .NET's `TrimStart` of the runner's `TryParseV2`. */
const trimStart = (line: string) =>
  line.replace(/^[\s\u0085\u180e]+/, (space) => space.replace(/[^\ufeff\u180e]/g, ''));

/** The commands that the runner obeys in what was written. */
function obeyed(written: string[]): string[] {
  const found: string[] = [];
  let token: string | undefined;
  for (const line of written.join('\n').split(/\r\n|\n|\r/)) {
    const trimmed = trimStart(line);
    const second = /^::([^:]*?)(?: [^:]*)?::/.exec(trimmed)?.[1];
    if (token !== undefined) {
      if (second === token) token = undefined;
      continue;
    }
    if (second === 'stop-commands') token = trimmed.slice(trimmed.indexOf('::', 2) + 2);
    if (second !== undefined) found.push(second);
    const first = /##\[([^\]\s]+)[^\]]*\]/.exec(line)?.[1];
    if (first !== undefined) found.push(`##${first}`);
  }
  return found;
}

const methods: Record<string, { act: (reporter: ActionReporter, text: string) => void; own: string[] }> = {
  say: { act: (reporter, text) => reporter.say(text), own: [] },
  warn: { act: (reporter, text) => reporter.warn(text), own: ['warning'] },
  error: { act: (reporter, text) => reporter.error(text), own: ['error'] },
  waitingFor: { act: (reporter, text) => reporter.waitingFor(text), own: [] },
  fail: { act: (reporter, text) => reporter.fail({ kind: 'test', reason: text, hint: text, evidence: [] }), own: ['error'] },
  quote: { act: (reporter, text) => { reporter.quote(text); reporter.close(); }, own: ['stop-commands'] },
}; // biome-ignore format: a table

async function attemptCommands(attempt: Attempt): Promise<void> {
  for (const [method, { act, own }] of Object.entries(methods))
    for (const prefix of prefixes)
      for (const command of commands)
        for (const text of [`${prefix}::${command} name=x::y`, `${prefix}##[${command}]y`])
          await attempt(`${method}(${JSON.stringify(text)})`, () => {
            const written: string[] = [];
            act(new ActionReporter((line) => written.push(line)), text);
            expect(obeyed(written)).toEqual(own);
            // Where commands are off, the page that shows the log paints the old form all the same.
            expect(written.join('\n')).not.toContain(`##[${command}]`);
          });
}
testAttack('workflow commands', 'no text of others is obeyed by the runner', attemptCommands);
