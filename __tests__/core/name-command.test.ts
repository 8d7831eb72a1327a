import { expect, test } from 'vitest';
import { nameCommand } from '../../src/core/name-command.ts';

test('the command that a message names can be copied in any working directory', () => {
  const cli = '/home/ada/k8s-test-action/dist/cli.js';
  expect(nameCommand('again', cli, '/home/ada/shop')).toBe('node /home/ada/k8s-test-action/dist/cli.js again');
  expect(nameCommand('again', cli, '/home/ada/k8s-test-action')).toBe('node dist/cli.js again');
  expect(nameCommand('down', '/opt/a b/dist/cli.js', '/')).toBe("node 'opt/a b/dist/cli.js' down");
});

test('the action and its post step name the command line in the same directory', () => {
  const entry = '/opt/runner/_actions/floe/k8s-test-action/v1/dist/cleanup.js';
  expect(nameCommand('down', entry, '/opt/runner/shop-checkout')).toBe(`node ${entry.replace('cleanup', 'cli')} down`);
});

test('a command line that was installed is named as its user called it', () => {
  expect(nameCommand('down', '/usr/local/bin/k8s-test', '/home/ada/shop')).toBe('k8s-test down');
  const cached = '/home/ada/.npm/_npx/8f4ceb6d85c4d6a5/node_modules/.bin/k8s-test';
  expect(nameCommand('down', cached, '/home/ada/shop')).toBe('npx k8s-test down');
  expect(nameCommand('down', '/home/ada/shop/node_modules/.bin/k8s-test', '/home/ada/shop')).toBe('npx k8s-test down');
});
