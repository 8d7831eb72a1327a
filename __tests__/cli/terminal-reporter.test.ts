import { expect, test } from 'vitest';
import { TerminalReporter, wantsColour } from '../../src/cli/terminal-reporter.ts';

function open(isTTY: boolean): { reporter: TerminalReporter; text: () => string } {
  let text = '';
  const out = { isTTY, columns: 60, write: (more: string) => (text += more) };
  return { reporter: new TerminalReporter(out), text: () => text };
}

test('without a terminal there are plain lines, without any control character', () => {
  const { reporter, text } = open(false);
  reporter.phaseStarted('cluster');
  reporter.waitingFor('kind: Preparing nodes');
  reporter.quote('\u001b[31mred\u001b[0m\u0007 and \u001b]0;title\u0007plain');
  reporter.phaseEnded({ name: 'cluster', outcome: 'passed', seconds: 1.25 });
  expect(text()).toBe('▶ cluster\n  … kind: Preparing nodes\n  │ red and plain\n✓ cluster       1.3 s\n');
});

test('on a terminal the last line shows the running phase, its clock and what is waited for, within the width', () => {
  const { reporter, text } = open(true);
  reporter.phaseStarted('platform');
  reporter.waitingFor('dagster-webserver-7d9c: ContainerCreating, and much more that does not fit into a line');
  reporter.say('said');
  const last = text().split('\n').at(-1)!.replace('\r\u001b[K', '');
  expect(last).toMatch(/^⏳ platform 0 s — dagster-webserver-7d9c: ContainerCreat.*…$/);
  // The hourglass takes two columns.
  expect(last.length + 1).toBeLessThanOrEqual(59);
  reporter.phaseEnded({ name: 'platform', outcome: 'passed', seconds: 1 });
});

test('secrets are masked', () => {
  const { reporter, text } = open(false);
  reporter.mask('hunter2');
  reporter.quote('password is hunter2');
  expect(text()).toBe('  │ password is ***\n');
});

test('the live line stays within the width when its characters take two columns each', () => {
  const { reporter, text } = open(true);
  reporter.phaseStarted('platform');
  reporter.waitingFor('起動を待っています'.repeat(10));
  reporter.say('said');
  const last = text().split('\r\u001b[K').at(-1)!;
  const columns = [...last].reduce((sum, one) => sum + (one > '\u1100' && one !== '…' && one !== '—' ? 2 : 1), 0);
  expect(last.endsWith('…')).toBe(true);
  expect(columns).toBeLessThanOrEqual(59);
  reporter.phaseEnded({ name: 'platform', outcome: 'passed', seconds: 1 });
});

test('a phase that continues does not show what another phase waited for', () => {
  const { reporter, text } = open(true);
  reporter.phaseStarted('cluster');
  reporter.phaseStarted('images');
  reporter.waitingFor('0 of 1 nodes ready');
  reporter.phaseEnded({ name: 'cluster', outcome: 'passed', seconds: 1 });
  expect(text().split('\r\u001b[K').at(-1)).toBe('⏳ images 0 s');
  reporter.phaseEnded({ name: 'images', outcome: 'passed', seconds: 1 });
});

test('a dumb terminal gets plain lines, and colours are for those who want them', () => {
  let text = '';
  const out = { isTTY: true, write: (more: string) => (text += more) };
  new TerminalReporter(out, { TERM: 'dumb' }).phaseStarted('tools');
  expect(text).toBe('▶ tools\n');
  expect(wantsColour(out, { TERM: 'xterm' })).toBe(true);
  expect(wantsColour(out, { TERM: 'xterm', NO_COLOR: '' })).toBe(true);
  expect(wantsColour(out, { TERM: 'xterm', NO_COLOR: '1' })).toBe(false);
  expect(wantsColour(out, { TERM: 'dumb' })).toBe(false);
  expect(wantsColour({ isTTY: false, write: out.write }, {})).toBe(false);
});

test('a ruler as wide as the terminal does not wrap for our margin; other lines stay whole', () => {
  const { reporter, text } = open(true);
  reporter.quote(`==== 1 failed in 0.12s ${'='.repeat(37)}`);
  reporter.quote('x'.repeat(70));
  const [ruler, long] = text()
    .split('\n')
    .map((line) => line.replace('\r\u001b[K', ''));
  expect(ruler).toHaveLength(60);
  expect(ruler).toMatch(/^ {2}│ ==== 1 failed in 0\.12s =+$/);
  expect(long).toBe(`  │ ${'x'.repeat(70)}`);
});
