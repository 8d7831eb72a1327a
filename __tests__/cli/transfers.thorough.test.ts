import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { TerminalReporter } from '../../src/cli/terminal-reporter.ts';
import { showOnTerminal } from './screen.ts';

const module = path.join(import.meta.dirname, 'transfers.ts');
/** All that stays: what was said, and no trace of what was live. */
const lasting = [
  /^ {2}said in between, and long, its end$/,
  /^✓ tools +1\.2 s$/,
  ...[0, 5, 10, 15, 20].map((at) => new RegExp(`^  │ line ${at} of a log$`)),
  /^✓ images +12\.0 s$/,
  /^! a warning$/,
  /^✓ cluster +34\.5 s$/,
  /^the end$/,
];

describe('transfers on a terminal', () => {
  test.each([80, 120, 44])('of %i columns move below the other lines, and leave nothing behind', async (columns) => {
    const shown = await showOnTerminal(module, { columns });
    // The long line wraps, since the user may need all of it.
    const end = shown.end.join('\n').replace(/(said in between, )[\s\S]*?its\s?end\n/, '$1and long, its end\n');
    const lines = end.split('\n');
    expect(lines).toHaveLength(lasting.length);
    for (const [at, line] of lines.entries()) expect(line).toMatch(lasting[at]!);
    const all = shown.between.flat();
    // Each of the three was there, and moved.
    for (const what of ['kind 0.32.0', 'helm 4.1.4', 'images 2/3']) {
      const states = new Set(all.filter((line) => line.startsWith(`  ${what}`)));
      expect(states.size, what).toBeGreaterThan(2);
    }
    for (const screen of shown.between) {
      const live = screen.flatMap((line, at) => (line.startsWith('⏳') ? [at] : []));
      const bars = screen.flatMap((line, at) => (/^ {2}(kind 0|helm|images 2)/.test(line) ? [at] : []));
      expect(live.length).toBeLessThanOrEqual(1);
      // Below the line with the clock, one after the other, and at the end of the screen: nothing is left of a former one.
      const first = screen.length - bars.length;
      expect(bars).toEqual(bars.map((_, index) => first + index));
      expect(live).toEqual(bars.length === 0 ? live : [first - 1]);
    }
  });

  test('have a bar in colour, and in none with NO_COLOR', async () => {
    const painted = await showOnTerminal(module, { columns: 100 });
    expect(painted.written).toContain('\u001b[32m━');
    const bar = / {2}helm 4\.1\.4 {2}━+─+ {2}[\d.]+ MB of 23\.5 MB {2}[\d.]+ MB\/s {2}\d+ s left/;
    expect(painted.between.flat().join('\n')).toMatch(bar);
    const plain = await showOnTerminal(module, { columns: 100, env: { NO_COLOR: '1' } });
    expect(plain.written).not.toContain('\u001b[32m');
    expect(plain.between.flat().join('\n')).toMatch(bar);
  });

  test('are not shown where nothing can be drawn over', () => {
    for (const out of [{ isTTY: false }, { isTTY: true, env: { TERM: 'dumb' } }]) {
      let text = '';
      const reporter = new TerminalReporter({ ...out, write: (more: string) => (text += more) }, out.env ?? {});
      reporter.phaseStarted('tools');
      for (const bytes of [0, 5, 10]) reporter.transferring({ what: 'helm', bytes, totalBytes: 10 });
      reporter.phaseEnded({ name: 'tools', outcome: 'passed', seconds: 1 });
      expect(text).toBe('▶ tools\n✓ tools         1.0 s\n');
    }
  });
});
