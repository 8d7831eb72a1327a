import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CheckoutFiles, listCheckoutFiles } from '../../src/action/checkout-files.ts';

const files = new CheckoutFiles([
  'setup.py',
  'conftest.py',
  'tests/conftest.py',
  'tests/integration/test_orders.py',
  'services/api/tests/test_api.py',
  'services/web/tests/test_api.py',
  'services/web/tests/test_page.py',
  'src/floe/utils.py',
  'tests/::error::.py',
]);

describe('a path in the container means a file of the checkout', () => {
  test.each([
    ['/app/tests/integration/test_orders.py', 'tests/integration/test_orders.py'],
    ['tests/integration/test_orders.py', 'tests/integration/test_orders.py'],
    ['./integration/test_orders.py', 'tests/integration/test_orders.py'],
    ['/app/tests/test_page.py', 'services/web/tests/test_page.py'],
    ['/app/services/api/tests/test_api.py', 'services/api/tests/test_api.py'],
    ['/app/setup.py', 'setup.py'],
    ['/app/tests/conftest.py', 'tests/conftest.py'],
    ['/work/tests/::error::.py', 'tests/::error::.py'],
  ])('%s is %s', (asked, found) => expect(files.find(asked)).toBe(found));

  test.each([
    ['one that two files could be', '/app/tests/test_api.py'],
    ['one that is not there', '/app/tests/test_gone.py'],
    ['one of which only the last name is known here', '/app/lib/utils.py'],
    ['one of an installed package', '/usr/lib/python3/site-packages/floe/utils.py'],
    ['one that leads out of the checkout', '../../etc/setup.py'],
    ['nothing', ''],
    ['a root', '/'],
  ])('none when it names %s', (_, asked) => expect(files.find(asked)).toBeUndefined());
});

describe('the files of a checkout', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(path.join(tmpdir(), 'checkout-'));
    mkdirSync(path.join(root, 'tests'));
    mkdirSync(path.join(root, 'node_modules'));
    for (const file of ['tests/test_é.py', 'tests/two words.py', 'node_modules/x.js', 'not-added.py'])
      writeFileSync(path.join(root, file), '');
    symlinkSync('/etc', path.join(root, 'elsewhere'));
  });
  afterAll(() => rmSync(root, { recursive: true }));
  const list = async () => (await listCheckoutFiles(root, AbortSignal.timeout(10_000))).sort();

  test('are walked where there is no git, without directories that are never annotated', async () => {
    expect(await list()).toEqual(['not-added.py', 'tests/two words.py', 'tests/test_é.py'].sort());
  });

  test('are those that git knows, under their own names', async () => {
    execFileSync('git', ['-C', root, 'init', '--quiet']);
    execFileSync('git', ['-C', root, 'add', 'tests']);
    expect(await list()).toEqual(['tests/two words.py', 'tests/test_é.py'].sort());
  });
});
