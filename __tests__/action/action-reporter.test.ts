import { describe, expect, test } from 'vitest';
import { readActionInputs } from '../../src/action/action-inputs.ts';
import { ActionReporter } from '../../src/action/action-reporter.ts';

function open(): { reporter: ActionReporter; lines: string[] } {
  const lines: string[] = [];
  return { reporter: new ActionReporter((line) => lines.push(line)), lines };
}

describe('lines that others wrote', () => {
  test.each(['::error::boo', '  ::add-mask::a', '##[group]x', '::stop-commands::x'])(
    '%s stands between stop-commands',
    (line) => {
      const { reporter, lines } = open();
      reporter.quote(line);
      reporter.say('after');
      const [begin, quoted, end, after] = lines;
      const token = /^::stop-commands::([0-9a-f]{32})$/.exec(begin!)?.[1];
      expect(token).toBeDefined();
      expect([quoted, end, after]).toEqual([line.replace('##[', '##\u200b['), `::${token}::`, 'after']);
    },
  );

  test('have a token that no other run has', () => {
    const [a, b] = [open(), open()];
    a.reporter.quote('x');
    b.reporter.quote('x');
    expect(a.lines[0]).not.toBe(b.lines[0]);
  });

  test('that our own words carry cannot begin a command', () => {
    const { reporter, lines } = open();
    reporter.say('::error::from a name');
    reporter.say('image ##[error]x\n::warning::y');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).not.toMatch(/^\s*::|##\[/);
  });
});

test('phases that overlap share the group of the first', () => {
  const { reporter, lines } = open();
  reporter.phaseStarted('cluster');
  reporter.phaseStarted('images');
  reporter.phaseEnded({ name: 'images', outcome: 'passed', seconds: 1 });
  reporter.phaseEnded({ name: 'cluster', outcome: 'passed', seconds: 2 });
  expect(lines.filter((line) => /group/.test(line))).toEqual(['::group::cluster', '::endgroup::']);
});

test('the failure is one annotation, with all that could end it escaped', () => {
  const { reporter, lines } = open();
  reporter.fail({ kind: 'chart', reason: 'a\nb % c', hint: 'do', evidence: [] });
  expect(lines).toEqual(['::error title=k8s-test%3A chart::a%0Ab %25 c do']);
});

test('of many warnings nine and a pointer are annotations, the rest is in the log', () => {
  const { reporter, lines } = open();
  for (let i = 1; i <= 30; i++) reporter.warn(`warning ${i}`);
  expect(lines.filter((line) => line.startsWith('::warning::'))).toHaveLength(10);
  expect(lines[9]).toBe('::warning::warning 10 (further warnings are in the log and in result.json)');
  expect(lines.at(-1)).toBe('warning: warning 30');
});

test('inputs are read as the runner writes them; empty ones are not given, unknown ones are passed on', () => {
  const env = { 'INPUT_RESULTS-PATH': '/out', INPUT_TIER: '', INPUT_IMGAE: 'x', OTHER: '1' };
  expect(readActionInputs(env)).toEqual({ 'results-path': '/out', imgae: 'x' });
});
