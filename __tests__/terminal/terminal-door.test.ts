import { expect, test } from 'vitest';
import { TerminalDoor } from '../../src/terminal/terminal-door.ts';

function open(isTTY: boolean): { door: TerminalDoor; text: () => string } {
  let text = '';
  const out = { isTTY, columns: 60, write: (more: string) => (text += more) };
  return { door: new TerminalDoor(out), text: () => text };
}

test('without a terminal there are plain lines, without any control character', () => {
  const { door, text } = open(false);
  door.phaseStarted('cluster');
  door.waitingFor('kind: Preparing nodes');
  door.quote('\u001b[31mred\u001b[0m\u0007 and \u001b]0;title\u0007plain');
  door.phaseEnded({ name: 'cluster', outcome: 'passed', seconds: 1.25 });
  expect(text()).toBe('▶ cluster\n  … kind: Preparing nodes\n  │ red and plain\n✓ cluster       1.3 s\n');
});

test('on a terminal the last line shows the running phase, its clock and what is waited for, within the width', () => {
  const { door, text } = open(true);
  door.phaseStarted('platform');
  door.waitingFor('dagster-webserver-7d9c: ContainerCreating, and much more that does not fit into a line');
  door.say('said');
  const last = text().split('\n').at(-1)!.replace('\r\u001b[K', '');
  expect(last).toMatch(/^⏳ platform 0 s — dagster-webserver-7d9c: ContainerCreat.*…$/);
  expect(last.length).toBeLessThanOrEqual(59);
  door.phaseEnded({ name: 'platform', outcome: 'passed', seconds: 1 });
});

test('secrets are masked', () => {
  const { door, text } = open(false);
  door.mask('hunter2');
  door.quote('password is hunter2');
  expect(text()).toBe('  │ password is ***\n');
});
