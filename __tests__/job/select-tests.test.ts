import { expect, test } from 'vitest';
import { fillTemplate, selectByTool } from '../../src/job/select-tests.ts';

const tests = (...names: string[]) => names.map((name) => ({ classname: 'c', name }));

test.each([
  [['npx', 'jest', '--ci'], ['adds (twice)'], ['npx', 'jest', '--ci', '-t', String.raw`(adds \(twice\))$`]],
  [['npx', 'vitest', 'run'], ['cart > adds'], ['npx', 'vitest', 'run', '-t', '(cart (?:> )?adds)$']],
  [['/usr/bin/playwright', 'test'], ['cart › adds'], ['/usr/bin/playwright', 'test', '--grep', '(cart adds)$']],
  [
    ['go', 'test', './...'],
    ['TestA', 'TestB/one'],
    ['go', 'test', './...', '-run', '^(TestA|TestB)$'],
  ],
])('%j runs some tests by its own option', (command, names, selected) => {
  expect(selectByTool({ command }, tests(...names))).toEqual({ command: selected, args: [] });
});

test('no tests can be selected for a script or an unknown tool', () => {
  expect(selectByTool({ command: ['sh', '-c', 'go test ./...'] }, tests('TestA'))).toBeUndefined();
  expect(selectByTool({ command: ['./run-tests'] }, tests('TestA'))).toBeUndefined();
});

test('a template gets the names as one regular expression, each once', () => {
  expect(fillTemplate(['ctest', '-R', '^{tests}$'], tests('a.b', 'a.b', 'c$&'))).toEqual([
    'ctest',
    '-R',
    String.raw`^(a\.b|c\$&)$`,
  ]);
  expect(fillTemplate(['sh', '-c', 'go test -run "^{tests}$" ./...'], tests('TestA/x'))).toEqual([
    'sh',
    '-c',
    'go test -run "^(TestA)$" ./...',
  ]);
  // Of Vitest 4 and earlier, and of 5.
  const [, , pattern = ''] = fillTemplate(['vitest', '-t', '{tests}'], tests('cart > adds')) ?? [];
  for (const name of ['cart adds', 'cart > adds']) expect(name).toMatch(new RegExp(`^${pattern}$`));
  expect(fillTemplate(['x', '{tests}'], tests('y'.repeat(70_000)))).toBeUndefined();
});
