/**
 * Each regular expression of `src/` on texts that make a careless one quadratic. New ones are found by the syntax of the
 * sources, so that none has to be listed here.
 */
import { expect } from 'vitest';
import { type Attempt, testAttack } from './attempts.ts';
import { readPatterns, type SourcePattern } from './read-patterns.ts';

/**
 * On texts of this length a linear expression takes some microseconds. The cheapest quadratic one that
 * was found took 4 ms: it begins to match at every occurrence of a long word, and scans the rest of the line each time.
 */
const shortChars = 12_000;
const suspiciousMilliseconds = 1;
/** Four times the text takes a linear expression four times as long, and a quadratic one sixteen times. */
const growthFactor = 4;
const mostGrowth = 9;
/** The best of this many runs: a busy machine makes single runs slower, never faster. */
const runs = 5;
const looks = 4;

const units = [
  ' ',
  '\t',
  '\n',
  '\r',
  '\r\n',
  ' \n',
  'a',
  'A',
  '0',
  'a-',
  'a.',
  '0.',
  'a/',
  './',
  '::',
  ':',
  '"',
  "'",
  '`',
  '<',
  '&',
  '\\',
  '@',
];
const moreUnits = [
  '=',
  ',',
  ';',
  '(',
  '[',
  '{',
  '%',
  '#',
  '|',
  '-',
  '_',
  '*',
  '$',
  'é',
  '\u001b[',
  '\u001b',
  '  a',
  'a ',
  'a=',
  '[a]',
  '(a)',
  ']',
  '😀',
];
const ends = ['', '\u0000', 'a', ' '];

/** Files whose expressions are made of a value that is known only while they run, and why that is well. */
const madeWhileRunning: Record<string, string> = {
  'src/cluster/docker.ts': 'of a word of ours, without a quantifier on what it looks at',
};

/** Words and single characters that the expression itself asks for: what it begins to match again and again. */
function unitsOf({ source }: RegExp): string[] {
  const plain = source.replaceAll(/\\[sSdDwWbBpPu](?:\{[^}]*\})?/g, ' ').replaceAll('\\', '');
  const words = plain.split(/[()[\]{}|?*+^$]+/).filter((word) => word !== '' && word.length <= 40);
  const unique = [...new Set(words.flatMap((word) => [word, `${word} `, ` ${word}`]))];
  return unique.slice(0, 60);
}

/** As the code does it: a global expression finds all of its matches, any other the first. */
function apply(pattern: RegExp, text: string): void {
  if (pattern.global) text.replace(pattern, '');
  else pattern.exec(text);
}

function bestOf(times: number, pattern: RegExp, text: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < times && best > suspiciousMilliseconds / 2; run++) {
    pattern.lastIndex = 0;
    const start = performance.now();
    apply(pattern, text);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

const fill = (begin: string, unit: string, end: string, chars: number): string =>
  begin + unit.repeat(Math.ceil(chars / unit.length)) + end;

/** How many times longer a text of `growthFactor` times the length takes: the least of some looks, for the same reason. */
function leastGrowth(pattern: RegExp, textOf: (chars: number) => string): number {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < looks && least > mostGrowth; look++) {
    const short = bestOf(runs, pattern, textOf(shortChars));
    least = Math.min(least, bestOf(runs, pattern, textOf(growthFactor * shortChars)) / short);
  }
  return least;
}

/** The texts, of those tried, on which the time of an expression grows faster than the text. */
function findSlowTexts({ pattern }: SourcePattern): string[] {
  const own = unitsOf(pattern);
  const begins = ['', ...own.filter((word) => word.trim() === word).slice(0, 6)];
  const slow: string[] = [];
  for (const unit of new Set([...units, ...moreUnits, ...own]))
    for (const begin of begins)
      for (const end of begin === '' ? ends : ['\u0000']) {
        if (bestOf(3, pattern, fill(begin, unit, end, shortChars)) < suspiciousMilliseconds) continue;
        const growth = leastGrowth(pattern, (chars) => fill(begin, unit, end, chars));
        if (growth > mostGrowth) slow.push(`${JSON.stringify([begin, unit, end])} grows ${growth.toFixed(1)} times`);
        if (slow.length === 1) return slow;
      }
  return slow;
}

async function attemptPatterns(attempt: Attempt): Promise<void> {
  const { patterns, dynamic } = readPatterns();
  await attempt('every regular expression can be read from the sources', () =>
    expect(dynamic.filter((place) => madeWhileRunning[place.split(':')[0]!] === undefined)).toEqual([]),
  );
  for (const one of patterns)
    await attempt(`${one.place} ${String(one.pattern).slice(0, 100)}`, () => expect(findSlowTexts(one)).toEqual([]));
}

testAttack(
  'quadratic regular expressions',
  'no text makes the time of one grow faster than the text',
  attemptPatterns,
  300_000,
);
