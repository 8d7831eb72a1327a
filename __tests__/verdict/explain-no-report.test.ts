import { expect, test } from 'vitest';
import { fail } from '../../src/core/outcome.ts';
import { explainNoReport } from '../../src/verdict/explain-no-report.ts';

const { failure } = fail('report', 'no JUnit report');

test.each([
  ["PermissionError: [Errno 13] Permission denied: '/results/junit.xml'"],
  ['open /results/junit.xml: read-only file system'],
  ["Error: EACCES: cannot open '/results/junit.xml'"],
  ["OSError: [Errno 28] No space left on device: '/results/junit.xml'"],
])('a report that is missing because it could not be written: %s', (line) => {
  const explained = explainNoReport(failure, ['begin', line, 'end'], '/results');
  expect(explained).toMatchObject({
    kind: 'report',
    reason: expect.stringContaining(line),
    evidence: ['no JUnit report'],
  });
  expect(explained.reason).toContain('could not write their report to /results');
});

test('a refusal elsewhere, or another failure, is not given as the cause', () => {
  expect(explainNoReport(failure, ["Permission denied: '/etc/shadow'"], '/results')).toBe(failure);
  const other = fail('test', '1 of 2 tests failed').failure;
  expect(explainNoReport(other, ["Permission denied: '/results/a'"], '/results')).toBe(other);
});
