import { expect, test } from 'vitest';
import { readCommand } from '../../src/reconstruct/tool-command.ts';

test.each([
  [['pytest', 'tests/e2e', '-v'], 'pytest', false],
  [['uv', 'run', 'pytest'], 'pytest', false],
  [['sh', '-c', 'cd /app && timeout 600 python -m pytest tests; cp a b'], 'pytest', true],
  [['timeout', '-k', '10', '5m', 'npx', 'jest', '--ci'], 'jest', true],
  [['timeout', '--signal=INT', '60', 'go', 'test', './...'], 'go test', true],
  [['node', 'node_modules/mocha/bin/mocha.js', '--recursive'], 'mocha', false],
  [['node', '--import', 'tsx', '--test', 'test'], 'node --test', false],
  [['npx', 'playwright', 'test'], 'playwright', false],
  [['./mvnw', '-B', 'verify'], 'Maven', false],
  [['vendor/bin/phpunit'], 'PHPUnit', false],
  [['npx', 'cypress', 'run', '--reporter', 'junit'], 'Cypress', false],
  [['python3', '-m', 'unittest', 'discover'], 'unittest', false],
  [['python', '-m', 'xmlrunner', 'discover', '-o', '/results'], 'unittest', false],
  [['bats', '-r', 'tests'], 'bats', false],
  [['bun', 'test', '--reporter=junit'], 'bun test', false],
  [['timeout', '60', 'deno', 'test', '-A'], 'deno test', true],
  [['ctest', '--test-dir', 'build'], 'CTest', false],
  [['npx', 'newman', 'run', 'shop.json'], 'newman', false],
  [['npx', 'cucumber-js'], 'cucumber-js', false],
  [['npx', 'jasmine'], 'Jasmine', false],
  [['python3', '-m', 'nose2'], 'nose2', false],
  [['pytest', '--timeout', '60'], 'pytest', false],
  [['pytest', '-o', 'timeout=60'], 'pytest', false],
  [['./run-my-pytest-wrapper.sh'], undefined, false],
  [[], undefined, false],
] as const)('%j is run by %s', (words, tool, hasTimeout) => {
  expect(readCommand(words)).toEqual({ tool, hasTimeout });
});
