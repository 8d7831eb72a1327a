import type { Recording } from './recording.ts';

const npm = (...names: string[]) => ({ npm: names });
/** A shell line that prints names and versions of packages. */
const versionOf = (...names: string[]) =>
  names.map((name) => `node -p "'${name} ' + require('./node_modules/${name}/package.json').version"`).join(' && ');
const commonJs = { 'package.json': '{ "name": "shop", "private": true }\n' };

const bats = { tool: 'bats', packages: npm('bats@1.13.0'), version: 'bats --version' };
const batsShop = `
@test "adds" { true; }
@test "pays <cash> & 'card'" { echo "no cart"; [ 1 -eq 2 ]; }
@test "left out" { skip "no polaris"; }
`;
const cucumber = {
  tool: 'cucumber-js',
  packages: npm('@cucumber/cucumber@13.3.0'),
  version: versionOf('@cucumber/cucumber'),
};
const cucumberSteps = `
const { Given } = require('@cucumber/cucumber');
const assert = require('node:assert');
let runs = 0;
Given('a cart', () => {});
Given('no cart', () => { throw new Error('no cart'); });
Given('a late cart', () => { assert.equal(++runs, 2, 'late'); });
Given('a cart to come', () => 'pending');
Given('a skipped cart', () => 'skipped');
`;
const cucumberShop = `
Feature: cart
  Scenario: adds
    Given a cart
  Scenario: pays
    Given no cart
  Scenario: later
    Given a cart to come
  Scenario: unknown
    Given something that nobody wrote
  Scenario: left out
    Given a skipped cart
  Scenario Outline: rows
    Given <what>
    Examples:
      | what    |
      | a cart  |
      | no cart |
`;
const newman = { tool: 'newman', packages: npm('newman@6.2.2'), version: versionOf('newman') };
const check = (...lines: string[]) => [{ listen: 'test', script: { exec: lines } }];
const newmanShop = JSON.stringify({
  info: { name: 'shop', schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json' },
  item: [
    {
      name: 'orders',
      item: [
        {
          name: 'list',
          request: { method: 'GET', url: 'http://127.0.0.1:1/orders' },
          event: check(
            "pm.test('adds', () => pm.response.to.have.status(200));",
            "pm.test('pays', () => pm.expect(1).to.equal(2));",
            "pm.test.skip('left out', () => {});",
          ),
        },
        { name: 'gone', request: { method: 'GET', url: 'http://127.0.0.1:1/' } },
        {
          name: 'throws',
          request: { method: 'GET', url: 'http://127.0.0.1:1/orders' },
          event: check("throw new Error('broken script');"),
        },
      ],
    },
  ],
});
const bunShop = `
import { describe, expect, test } from 'bun:test';
test('adds', () => {});
test('pays', () => { expect(1).toBe(2); });
test.skip('left out', () => {});
test.todo('later');
test.failing('known', () => { expect(1).toBe(2); });
describe('names', () => { test('adds', () => {}); });
`;
const denoShop = `
Deno.test('adds', () => {});
Deno.test('pays', () => { throw new Error('no cart'); });
Deno.test.ignore('left out', () => {});
Deno.test('steps', async (t) => { await t.step('one', () => {}); await t.step('two', () => { throw new Error('no step'); }); });
`;
const deno = { tool: 'deno test', packages: npm('deno@2.9.6'), version: 'deno --version | head -1' };
const bun = { tool: 'bun test', packages: npm('bun@1.4.4'), version: 'echo bun $(bun --version)' };
const nose2Shop = `
import unittest
class TestShop(unittest.TestCase):
    def test_adds(self): pass
    def test_pays(self): self.assertEqual(1, 2, "no cart")
    def test_stores(self): raise RuntimeError("no database")
    @unittest.skip("no polaris")
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_known(self): self.fail()
    @unittest.expectedFailure
    def test_fixed(self): pass
    def test_rows(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
`;
const jasmine = {
  tool: 'Jasmine, jasmine-reporters',
  packages: npm('jasmine@7.0.0', 'jasmine-reporters@2.5.2'),
  version: versionOf('jasmine', 'jasmine-reporters'),
};
const jasmineFiles = {
  ...commonJs,
  'spec/report.spec.js': `
const { JUnitXmlReporter } = require('jasmine-reporters');
jasmine.getEnv().addReporter(new JUnitXmlReporter({ savePath: process.env.R, consolidateAll: true }));
`,
  'spec/shop.spec.js': `
describe('shop', () => {
  it('adds', () => { expect(1).toBe(1); });
  it('pays', () => { expect(1).toBe(2); });
  xit('left out', () => {});
  it('later');
});
describe('hooks', () => { beforeAll(() => { throw new Error('no cluster'); }); it('never runs', () => {}); });
`,
};
const ctest = {
  tool: 'CTest',
  packages: { debian: ['cmake'] },
  version: 'ctest --version | head -1',
};
const ctestShop = `
cmake_minimum_required(VERSION 3.20)
project(shop NONE)
enable_testing()
add_test(NAME adds COMMAND true)
add_test(NAME pays COMMAND sh -c "echo no cart; exit 3")
add_test(NAME crashes COMMAND sh -c "kill -SEGV $$")
add_test(NAME hangs COMMAND sleep 30)
set_tests_properties(hangs PROPERTIES TIMEOUT 1)
add_test(NAME skipped COMMAND sh -c "exit 77")
set_tests_properties(skipped PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME off COMMAND true)
set_tests_properties(off PROPERTIES DISABLED TRUE)
add_test(NAME missing COMMAND nosuchprogram)
`;

/** Tools whose reports resemble none of the others. */
export const furtherRecordings: Recording[] = [
  {
    id: 'bats',
    ...bats,
    files: { ...commonJs, 'shop.bats': batsShop },
    command: 'bats --report-formatter junit --output $R .',
  },
  {
    id: 'bats-tap',
    ...bats,
    files: { ...commonJs, 'shop.bats': batsShop },
    command: 'bats --formatter tap . > $R/bats.tap; code=$?; cat $R/bats.tap; (exit $code)',
  },
  {
    id: 'bats-setup-file',
    ...bats,
    files: { ...commonJs, 'shop.bats': `setup_file() { echo "no cluster"; false; }\n${batsShop}` },
    command: 'bats --report-formatter junit --output $R .',
  },
  {
    id: 'cucumber-js',
    ...cucumber,
    files: { ...commonJs, 'features/cart.feature': cucumberShop, 'features/steps.js': cucumberSteps },
    command: 'cucumber-js --format progress --format junit:$R/junit.xml',
  },
  {
    id: 'cucumber-js-retry',
    ...cucumber,
    files: {
      ...commonJs,
      'features/cart.feature': 'Feature: cart\n  Scenario: late\n    Given a late cart\n',
      'features/steps.js': cucumberSteps,
    },
    command: 'cucumber-js --retry 1 --format progress --format junit:$R/junit.xml',
  },
  {
    id: 'bun-test',
    ...bun,
    files: { ...commonJs, 'shop.test.js': bunShop },
    command: 'bun test --reporter=junit --reporter-outfile=$R/junit.xml',
  },
  {
    id: 'bun-test-cannot-import',
    ...bun,
    files: { ...commonJs, 'a.test.js': "import './missing';\n", 'b.test.js': bunShop.replace(/^test\('pays.*\n/m, '') },
    command: 'bun test --reporter=junit --reporter-outfile=$R/junit.xml',
  },
  {
    id: 'deno-test',
    ...deno,
    files: { ...commonJs, 'shop_test.js': denoShop },
    command: 'deno test --junit-path=$R/junit.xml',
  },
  {
    id: 'deno-test-cannot-import',
    ...deno,
    files: { ...commonJs, 'a_test.js': "import './missing.js';\n", 'b_test.js': "Deno.test('adds', () => {});\n" },
    command: 'deno test --junit-path=$R/junit.xml',
  },
  {
    id: 'nose2',
    tool: 'nose2',
    packages: { pip: ['nose2==0.15.1'] },
    version: "pip show nose2 | sed -n 's/^Version: /nose2 /p'",
    files: { 'test_shop.py': nose2Shop },
    command: 'python3 -m nose2 --plugin nose2.plugins.junitxml --junit-xml --junit-xml-path $R/junit.xml',
  },
  { id: 'jasmine', ...jasmine, files: jasmineFiles, command: "jasmine 'spec/*.spec.js'" },
  { id: 'jasmine-no-tests', ...jasmine, files: commonJs, command: "jasmine 'spec/*.spec.js'" },
  {
    id: 'bun-test-no-tests',
    ...bun,
    files: commonJs,
    command: 'bun test --reporter=junit --reporter-outfile=$R/junit.xml',
  },
  { id: 'deno-test-no-tests', ...deno, files: commonJs, command: 'deno test --junit-path=$R/junit.xml' },
  {
    id: 'cucumber-js-cannot-load',
    ...cucumber,
    files: { ...commonJs, 'features/cart.feature': cucumberShop, 'features/steps.js': "require('./missing');\n" },
    command: 'cucumber-js --format progress --format junit:$R/junit.xml',
  },
  {
    id: 'newman-no-connection',
    ...newman,
    files: {
      ...commonJs,
      'shop.json': newmanShop,
    },
    command: 'newman run shop.json --reporters cli,junit --reporter-junit-export $R/junit.xml',
  },
  {
    id: 'ctest-not-run',
    ...ctest,
    files: { 'CMakeLists.txt': ctestShop.replace(/^.*(pays|crashes|hangs).*\n/gm, '') },
    prepare: 'cmake -S . -B .',
    command: 'ctest --output-junit $R/junit.xml',
  },
  {
    id: 'ctest',
    ...ctest,
    files: { 'CMakeLists.txt': ctestShop },
    prepare: 'cmake -S . -B .',
    command: 'ctest --output-junit $R/junit.xml --output-on-failure',
  },
];
