import { expect, test } from 'vitest';
import { explainNoVersion } from '../../src/platform/explain-pull.ts';

test('a version that is not there is answered with the nearest there are, of a registry and of a repository alike', () => {
  const versions = ['0.9.0', '1.2.3', '1.3.0', '2.0.0', '3.0.0-beta.1'];
  expect(explainNoVersion('there is', 'oci://charts.test/small', '1.2.9', versions)).toEqual({
    kind: 'chart',
    reason:
      'there is no version 1.2.9 of oci://charts.test/small; the nearest are: 3.0.0-beta.1, 2.0.0, 1.3.0, 1.2.3, 0.9.0',
    hint: 'Give one of these as chart-version.',
    evidence: [],
  });
  expect(explainNoVersion('https://charts.test has', 'small', '', ['2.0.0-rc.1']).reason).toBe(
    'https://charts.test has no version that is released of small; the nearest are: 2.0.0-rc.1',
  );
});
