import { expect, test } from 'vitest';
import { leastAttempts, sumAttacks } from '../attacks/attempts.ts';

const tally = (kind: string, attempts: number, held = attempts) => ({ kind, attempts, held });

test('the attempts of all tests of one kind are in one row, and the total in the last', () => {
  const { table, problem } = sumAttacks([tally('zip', 4000), tally('yaml', 4000), tally('zip', 5)], true);
  expect(table.split('\n').map((line) => line.replace(/\s+/g, ' '))).toEqual([
    'kind | attempts | held',
    'yaml | 4000 | 4000',
    'zip | 4005 | 4005',
    'total | 8005 | 8005',
  ]);
  expect(problem).toBeUndefined();
});

test('one attempt that is not held makes the suite red', () => {
  expect(sumAttacks([tally('zip', leastAttempts, leastAttempts - 1)], true).problem).toBe(
    '1 of 8000 attempts are not held',
  );
});

test('attempts that were lost make the whole suite red, and a part of it not', () => {
  expect(sumAttacks([tally('zip', 7999)], true).problem).toBe('7999 attempts are fewer than 8000');
  expect(sumAttacks([tally('zip', 7999)], false).problem).toBeUndefined();
});
