import { describe, expect, test } from 'vitest';
import { describeDiskError, explainFileError } from '../../src/core/disk-error.ts';

const errorOf = (code: string) => Object.assign(new Error(`${code}: refused, open '/results/a'`), { code });

describe('an error of the file system', () => {
  test.each([
    ['EACCES', 'permission denied', /^Give this user the rights there/],
    ['EPERM', 'permission denied', /^Give this user the rights there/],
    ['ENOSPC', 'the disk is full', /^Free some space there/],
    ['EROFS', 'the disk is read-only', /another disk/],
  ])('the message for %s says what helps', (code, said, hint) => {
    expect(explainFileError(errorOf(code))).toBe(said);
    expect(describeDiskError(errorOf(code), 'results-dir cannot be used')).toMatchObject({
      kind: 'results',
      reason: expect.stringContaining(`results-dir cannot be used: ${said} (`),
      hint: expect.stringMatching(hint),
    });
  });

  test('that nobody knows keeps its own words, and is no failure of the results', () => {
    expect(explainFileError(errorOf('ESTRANGE'))).toContain('ESTRANGE: refused');
    expect(describeDiskError(errorOf('ESTRANGE'), 'x')).toBeUndefined();
    expect(describeDiskError(new Error('a bug'), 'x')).toBeUndefined();
  });
});
