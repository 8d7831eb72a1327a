import type { Recording } from './recording.ts';

const packages = {
  npm: [
    'jest@30.5.2',
    'jest-junit@17.0.0',
    'jest-ctrf-json-reporter@0.0.11',
    'jest-trx-results-processor@3.0.2',
    'vitest@5.1.2',
    'mocha@12.0.3',
    'mocha-junit-reporter@2.2.1',
    '@playwright/test@1.65.1',
  ],
};
/** Reporters extend the package that is installed as `mocha`, so each major version has a directory of packages of its own. */
const withMocha = (version: string) => ({
  npm: [`mocha@${version}`, 'mocha-junit-reporter@2.2.1', 'mocha-trx-reporter@3.3.1', 'mocha-xunit-reporter@2.3.0'],
});
/** A shell line that prints names and versions of packages. */
const versionOf = (...names: string[]) =>
  names.map((name) => `node -p "'${name} ' + require('./node_modules/${name}/package.json').version"`).join(' && ');
const esm = { 'package.json': '{ "name": "shop", "type": "module", "private": true }\n' };
const commonJs = { 'package.json': '{ "name": "shop", "private": true }\n' };
const jest = { tool: 'jest, jest-junit', version: versionOf('jest', 'jest-junit'), packages };
const jestShop = `
test('adds', () => {});
test('pays', () => { expect(1).toBe(2); });
test.skip('left out', () => {});
test.todo('later');
describe('names', () => { test('adds', () => {}); });
`;
const mochaShop = `
const assert = require('node:assert');
describe('shop', () => {
  it('adds', () => {});
  it('pays', () => { assert.strictEqual(1, 2); });
  it('stores', () => { throw new Error('no database'); });
  it('later');
});
describe('hooks', () => { before(() => { throw new Error('no cluster'); }); it('never runs', () => {}); });
`;
const nodeShop = `
import test, { describe, it } from 'node:test';
import assert from 'node:assert';
test('adds', () => {});
test('later', { todo: 'not yet' }, () => { assert.fail('known'); });
test('left out', { skip: 'no polaris' }, () => {});
`;
const playwrightShop = `
import { test, expect } from '@playwright/test';
test('adds', async ({}, info) => { expect(info.project.name).not.toBe('chromium'); });
test('pays', async () => { expect(1).toBe(2); });
test('flaky', async ({}, info) => { expect(info.retry).toBe(info.project.name === 'firefox' ? 1 : 0); });
test.skip('left out', async () => {});
`;
const playwrightConfig = (more: string) =>
  `export default { testMatch: '*.spec.js', reporter: [['list'], ['junit', { outputFile: process.env.R + '/junit.xml' }]], projects: [{ name: 'chromium' }, { name: 'firefox' }]${more} };\n`;

export const javascriptRecordings: Recording[] = [
  {
    id: 'jest',
    ...jest,
    files: { ...commonJs, 't/shop.test.js': jestShop },
    command: 'JEST_JUNIT_OUTPUT_DIR=$R jest --reporters=default --reporters=jest-junit',
  },
  {
    id: 'jest-cannot-import',
    ...jest,
    files: { ...commonJs, 't/k.test.js': "require('./missing');\n", 't/b.test.js': "test('adds', () => {});\n" },
    command: 'JEST_JUNIT_OUTPUT_DIR=$R jest --reporters=default --reporters=jest-junit',
  },
  {
    id: 'jest-cannot-import-told',
    ...jest,
    files: { ...commonJs, 't/k.test.js': "require('./missing');\n", 't/b.test.js': "test('adds', () => {});\n" },
    command:
      'JEST_JUNIT_REPORT_TEST_SUITE_ERRORS=true JEST_JUNIT_OUTPUT_DIR=$R jest --reporters=default --reporters=jest-junit',
  },
  {
    id: 'jest-no-tests',
    ...jest,
    files: { ...commonJs, 'shop.js': '' },
    command: 'JEST_JUNIT_OUTPUT_DIR=$R jest --reporters=default --reporters=jest-junit',
  },
  {
    id: 'jest-retries',
    ...jest,
    files: {
      ...commonJs,
      't/flaky.test.js': "jest.retryTimes(2);\nlet n = 0;\ntest('flaky', () => { expect(++n).toBe(2); });\n",
    },
    command: 'JEST_JUNIT_OUTPUT_DIR=$R jest --reporters=default --reporters=jest-junit',
  },
  {
    id: 'jest-coverage',
    ...jest,
    files: {
      ...commonJs,
      'a.js': 'exports.a = () => 1;\nexports.b = () => 2;\n',
      't/a.test.js': "const { a } = require('../a');\ntest('a', () => { a(); });\n",
    },
    command:
      'JEST_JUNIT_OUTPUT_DIR=$R jest --reporters=default --reporters=jest-junit --coverage --coverageDirectory=cov --coverageThreshold=\'{"global":{"functions":90}}\'',
  },
  {
    id: 'jest-no-report',
    tool: 'jest',
    version: versionOf('jest'),
    packages,
    files: { ...commonJs, 't/shop.test.js': jestShop },
    command: 'jest --verbose',
  },
  {
    id: 'jest-ctrf',
    tool: 'jest-ctrf-json-reporter (CTRF)',
    packages,
    version: versionOf('jest-ctrf-json-reporter'),
    files: {
      ...commonJs,
      't/shop.test.js': jestShop,
      'jest.config.js':
        "module.exports = { reporters: ['default', ['jest-ctrf-json-reporter', { outputDir: process.env.R, outputFile: 'ctrf.json' }]] };\n",
    },
    command: 'jest',
  },
  {
    id: 'jest-trx',
    tool: 'jest, jest-trx-results-processor (TRX)',
    packages,
    version: versionOf('jest', 'jest-trx-results-processor'),
    files: {
      ...commonJs,
      't/shop.test.js': jestShop,
      'jest.config.js':
        "module.exports = { reporters: ['default', ['jest-trx-results-processor', { outputFile: process.env.R + '/results.trx' }]] };\n",
    },
    command: 'jest',
  },
  {
    id: 'vitest',
    tool: 'vitest',
    version: versionOf('vitest'),
    packages,
    files: {
      ...esm,
      'shop.test.js': `import { test, expect, describe } from 'vitest';\n${jestShop}let n = 0;\ntest('flaky', { retry: 2 }, () => { expect(++n).toBe(2); });\n`,
    },
    command: 'vitest run --reporter=verbose --reporter=junit --outputFile.junit=$R/junit.xml',
  },
  {
    id: 'vitest-cannot-import',
    tool: 'vitest',
    version: versionOf('vitest'),
    packages,
    files: {
      ...esm,
      'k.test.js': "import './missing.js';\n",
      'b.test.js': "import { test } from 'vitest';\ntest('adds', () => {});\n",
    },
    command: 'vitest run --reporter=verbose --reporter=junit --outputFile.junit=$R/junit.xml',
  },
  {
    id: 'vitest-no-tests',
    tool: 'vitest',
    version: versionOf('vitest'),
    packages,
    files: { ...esm, 'shop.js': '' },
    command: 'vitest run --reporter=verbose --reporter=junit --outputFile.junit=$R/junit.xml',
  },
  {
    id: 'vitest-unhandled-error',
    tool: 'vitest',
    version: versionOf('vitest'),
    packages,
    files: {
      ...esm,
      'b.test.js':
        "import { test } from 'vitest';\ntest('adds', async () => { setTimeout(() => { throw new Error('late'); }, 1); await new Promise((r) => setTimeout(r, 100)); });\n",
    },
    command: 'vitest run --reporter=verbose --reporter=junit --outputFile.junit=$R/junit.xml',
  },
  {
    id: 'mocha-junit-reporter',
    tool: 'mocha, mocha-junit-reporter',
    packages: withMocha('11.8.0'),
    version: versionOf('mocha', 'mocha-junit-reporter'),
    files: { ...commonJs, 'test/shop.js': mochaShop },
    command:
      'node node_modules/mocha/bin/mocha.js --reporter mocha-junit-reporter --reporter-options mochaFile=$R/junit.xml',
  },
  {
    id: 'mocha-7-junit-reporter',
    tool: 'mocha, mocha-junit-reporter',
    packages: withMocha('7.2.0'),
    version: versionOf('mocha', 'mocha-junit-reporter'),
    files: { ...commonJs, 'test/shop.js': mochaShop },
    command:
      'node node_modules/mocha/bin/_mocha --reporter mocha-junit-reporter --reporter-options mochaFile=$R/junit.xml',
  },
  {
    id: 'mocha-trx-reporter',
    tool: 'mocha, mocha-trx-reporter (TRX)',
    packages: withMocha('11.8.0'),
    version: versionOf('mocha', 'mocha-trx-reporter'),
    files: { ...commonJs, 'test/shop.js': mochaShop },
    command:
      'node node_modules/mocha/bin/mocha.js --reporter mocha-trx-reporter --reporter-options output=$R/results.trx',
  },
  {
    id: 'mocha-xunit-reporter',
    tool: 'mocha, mocha-xunit-reporter (xUnit.net 2)',
    packages: withMocha('11.8.0'),
    version: versionOf('mocha', 'mocha-xunit-reporter'),
    files: { ...commonJs, 'test/shop.js': mochaShop },
    command:
      'node node_modules/mocha/bin/mocha.js --reporter mocha-xunit-reporter --reporter-options mochaFile=$R/xunit.xml',
  },
  {
    id: 'mocha-cannot-report',
    tool: 'mocha, mocha-junit-reporter',
    packages,
    version: versionOf('mocha', 'mocha-junit-reporter'),
    files: { ...commonJs, 'test/shop.js': mochaShop },
    command:
      'node node_modules/mocha/bin/mocha.js --reporter mocha-junit-reporter --reporter-options mochaFile=$R/junit.xml',
  },
  {
    id: 'mocha',
    tool: 'mocha',
    version: versionOf('mocha'),
    packages,
    files: {
      ...commonJs,
      'test/shop.js':
        "for (let i = 0; i < 5; i++) it('fails ' + i, () => { throw new Error('no'); });\nit('adds', () => {});\n",
    },
    command: 'node node_modules/mocha/bin/mocha.js',
  },
  {
    id: 'mocha-no-tests',
    tool: 'mocha',
    version: versionOf('mocha'),
    packages,
    files: { ...commonJs, 'shop.js': '' },
    command: 'node node_modules/mocha/bin/mocha.js',
  },
  {
    id: 'mocha-cannot-load',
    tool: 'mocha, xunit',
    version: versionOf('mocha'),
    packages,
    files: { ...commonJs, 'test/shop.js': "require('./missing');\n", 'test/b.js': "it('adds', () => {});\n" },
    command: 'node node_modules/mocha/bin/mocha.js --reporter xunit --reporter-options output=$R/xunit.xml',
  },
  {
    id: 'mocha-xunit',
    tool: 'mocha, xunit',
    version: versionOf('mocha'),
    packages,
    files: { ...commonJs, 'test/shop.js': mochaShop },
    command: 'node node_modules/mocha/bin/mocha.js --reporter xunit --reporter-options output=$R/xunit.xml',
  },
  {
    id: 'node-test',
    tool: 'node --test',
    version: 'echo Node $(node --version)',
    packages: { npm: [] },
    files: { ...esm, 'shop.test.js': nodeShop },
    command:
      'node --test --test-reporter=spec --test-reporter-destination=stdout --test-reporter=junit --test-reporter-destination=$R/junit.xml',
  },
  {
    id: 'node-test-same-name',
    tool: 'node --test',
    version: 'echo Node $(node --version)',
    packages: { npm: [] },
    files: {
      ...esm,
      'shop.test.js':
        "import test from 'node:test';\nimport assert from 'node:assert';\ntest('adds', () => { assert.fail('no cart'); });\ntest('adds', () => {});\n",
    },
    command: 'node --test --test-reporter=junit --test-reporter-destination=$R/junit.xml',
  },
  {
    id: 'node-test-cannot-load',
    tool: 'node --test',
    version: 'echo Node $(node --version)',
    packages: { npm: [] },
    files: {
      ...esm,
      'k.test.js': "import './missing.js';\n",
      'b.test.js': "import test from 'node:test';\ntest('adds', () => {});\n",
    },
    command:
      'node --test --test-reporter=spec --test-reporter-destination=stdout --test-reporter=junit --test-reporter-destination=$R/junit.xml',
  },
  {
    id: 'node-test-tap',
    tool: 'node --test (TAP)',
    version: 'echo Node $(node --version)',
    packages: { npm: [] },
    files: {
      ...esm,
      'shop.test.js': `${nodeShop}describe('names', () => { it('adds', () => {}); it('pays', () => { assert.strictEqual(1, 2); }); });\n`,
    },
    command: 'node --test --test-reporter=tap --test-reporter-destination=$R/results.tap',
  },
  {
    id: 'playwright',
    tool: 'Playwright',
    version: 'echo Playwright $(playwright --version)',
    packages,
    files: { ...esm, 'shop.spec.js': playwrightShop, 'playwright.config.js': playwrightConfig(', retries: 1') },
    command: 'playwright test',
  },
  {
    id: 'playwright-cannot-load',
    tool: 'Playwright',
    version: 'echo Playwright $(playwright --version)',
    packages,
    files: {
      ...esm,
      'k.spec.js': "import './missing.js';\n",
      'shop.spec.js': "import { test } from '@playwright/test';\ntest('adds', async () => {});\n",
      'playwright.config.js': playwrightConfig(''),
    },
    command: 'playwright test',
  },
  {
    id: 'playwright-no-tests',
    tool: 'Playwright',
    version: 'echo Playwright $(playwright --version)',
    packages,
    files: { ...esm, 'playwright.config.js': playwrightConfig('') },
    command: 'playwright test',
  },
  {
    id: 'playwright-one-failed',
    tool: 'Playwright',
    version: 'echo Playwright $(playwright --version)',
    packages,
    files: {
      ...esm,
      'shop.spec.js':
        "import { test, expect } from '@playwright/test';\ntest('adds', async ({}, info) => { expect(info.project.name).not.toBe('chromium'); });\n",
      'playwright.config.js': playwrightConfig(''),
    },
    command: 'playwright test',
  },
];
