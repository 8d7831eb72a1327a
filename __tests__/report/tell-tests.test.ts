import { expect, test } from 'vitest';
import { causeOf, nameFailedTests } from '../../src/report/describe-tests.ts';

/** A file that imports what the image lacks, as pytest 9.2.0 reported it from a real run. */
const notImported = {
  suite: 'pytest',
  name: 'tests.integration.test_shop',
  classname: '',
  seconds: 0,
  status: 'error',
  message: 'collection failure',
  details: `ImportError while importing test module '/app/tests/integration/test_shop.py'.
Hint: make sure your test modules/packages have valid Python names.
Traceback:
/usr/lib/python3.11/importlib/__init__.py:126: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
tests/integration/test_shop.py:1: in <module>
    import requests
E   ModuleNotFoundError: No module named 'requests'`,
} as const;

test('a test file that cannot be imported is reported with the reason, and not only that it could not be collected', () => {
  expect(causeOf(notImported)).toBe("ModuleNotFoundError: No module named 'requests'");
  expect(causeOf({ ...notImported, details: 'cut off' })).toBe('collection failure');
});

test('failed tests of the same name are distinguished by their suites, which a run of Playwright in two browsers needs', () => {
  const failed = (suite: string, name: string) => ({
    suite,
    name,
    classname: 'c',
    seconds: 0,
    message: '',
    details: '',
    status: 'failed' as const,
  });
  const passed = { ...failed('[webkit] shop.spec.ts', 'pays'), status: 'passed' as const };
  const tests = [
    failed('[chromium] shop.spec.ts', 'pays'),
    passed,
    failed('[firefox] shop.spec.ts', 'pays'),
    failed('s', 'adds'),
  ];
  expect(nameFailedTests(tests)).toEqual(['pays ([chromium] shop.spec.ts)', 'pays ([firefox] shop.spec.ts)', 'adds']);
});
