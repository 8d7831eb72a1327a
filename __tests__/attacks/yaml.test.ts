/** Hostile YAML: bombs of aliases, cycles, depth, keys that are names of JavaScript's, and documents torn at any place. */
import { expect } from 'vitest';
import { readYaml, readYamlDocuments } from '../../src/inputs/read-yaml.ts';
import { DocumentGenerator, seededRandom } from '../inputs/yaml/generate-documents.ts';
import { testAttack } from './attempts.ts';

/** Beyond what a busy machine takes for any of them, and far below what a bomb would take. */
const mostMilliseconds = 20_000;

/** Reads a text, and asserts what holds for every text: a value of plain JSON or a problem on one short line, in time. */
function expectCalm(text: string): void {
  const start = performance.now();
  const documents = readYamlDocuments(text);
  for (const { value, problem } of documents) {
    if (problem === undefined) expect(() => JSON.stringify(value)).not.toThrow();
    else expect(problem).toMatch(/^line \d+: .{1,2000}$/s);
  }
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(performance.now() - start).toBeLessThan(mostMilliseconds);
}

function expectRefused(text: string, words: RegExp): void {
  const start = performance.now();
  expect(readYaml(text).problem).toMatch(words);
  expect(performance.now() - start).toBeLessThan(mostMilliseconds);
}

function expectKept(text: string, json: string): void {
  expectCalm(text);
  expect(JSON.stringify(readYaml(text).value)).toContain(json);
}

const signs = [
  '\0',
  '\u0007',
  '\t',
  '\n',
  '\r',
  '\u0085',
  '\u2028',
  '\uFEFF',
  '\uD800',
  ' ',
  ':',
  '-',
  '?',
  ',',
  '[',
  ']',
];
signs.push(
  '{',
  '}',
  '#',
  '&',
  '*',
  '!',
  '|',
  '>',
  "'",
  '"',
  '%',
  '@',
  '`',
  '<<',
  '&a',
  '*a',
  '---\n',
  '...\n',
  '0x',
  '~',
);

testAttack(
  'YAML',
  'a document that is torn or smudged anywhere is read or refused, and never ends the run',
  async (attempt) => {
    const random = seededRandom(4711);
    const generator = new DocumentGenerator(random);
    for (let i = 0; i < 1500; i += 1) {
      let text = generator.next();
      for (let edits = 1 + Math.floor(random() * 12); edits > 0; edits -= 1) {
        const at = Math.floor(random() * text.length);
        const sign = signs[Math.floor(random() * signs.length)] ?? '';
        text = text.slice(0, at) + sign + text.slice(at + Math.floor(random() * 4));
      }
      await attempt(`document ${i}: ${JSON.stringify(text).slice(0, 200)}`, () => expectCalm(text));
    }
  },
);

testAttack(
  'YAML',
  'every sign, alone and many times over, wherever a value may stand, is read or refused',
  async (attempt) => {
    const places: Record<string, (payload: string) => string> = {
      'the whole document': (payload) => payload,
      'a value': (payload) => `a: ${payload}\nb: 1\n`,
      'a key': (payload) => `${payload}: 1\nb: 1\n`,
      'a flow list': (payload) => `a: [${payload}]\n`,
      'a flow mapping': (payload) => `a: {b: ${payload}}\n`,
      'a quoted value': (payload) => `a: "${payload}"\n`,
      'a block scalar': (payload) => `a: |\n  ${payload}\nb: 1\n`,
      'behind a tag': (payload) => `a: !!int ${payload}\n`,
    };
    for (const [place, write] of Object.entries(places))
      for (const sign of signs)
        for (const count of [1, 3, 20_000])
          await attempt(`${JSON.stringify(sign)} ${count} times as ${place}`, () =>
            expectCalm(write(sign.repeat(count))),
          );
  },
);

testAttack(
  'YAML',
  'what grows beyond all bounds is refused in plain words before it fills the memory',
  async (attempt) => {
    for (let fan = 5; fan <= 40; fan += 5)
      for (const depth of [8, 20, 60]) {
        const levels = Array.from({ length: depth }, (_, i) => {
          const below = i === 0 ? 'lol' : `*l${i - 1}`;
          return [
            `l${i}: &l${i} [${Array(fan).fill(below).join(', ')}]`,
            `l${i}: &l${i} {${Array.from({ length: fan }, (__, n) => `k${n}: ${below}`).join(', ')}}`,
          ];
        });
        for (const kind of [0, 1])
          await attempt(`${depth} levels of ${fan} aliases, ${kind === 0 ? 'lists' : 'mappings'}`, () =>
            expectRefused(
              levels.map((level) => level[kind]).join('\n'),
              /its aliases stand for far more than it holds itself/,
            ),
          );
      }
    for (const open of ['[', '{a: ', '- ', '? ', '[{a: '])
      for (const count of [2000, 20_000, 200_000])
        await attempt(`${JSON.stringify(open)} ${count} times`, () =>
          expectRefused(open.repeat(count), /nested more than/),
        );
    for (const text of ['a: &a {b: *a}', 'a: &a [*a]', 'a: &a\n  <<: *a\n', '&a a: *a\nb: &b [[*b]]'])
      await attempt(`the cycle ${JSON.stringify(text)}`, () =>
        expectRefused(`${text}\n`, /contains itself|unknown anchor|takes a mapping/),
      );
    const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'];
    for (const name of names)
      for (const write of [
        (key: string) => `${key}: {polluted: yes}`,
        (key: string) => `a: &a {${key}: {polluted: 1}}\nb: {<<: *a}`,
      ])
        await attempt(`the key ${name} in ${write('…')}`, () => expectKept(write(name), `"${name}":{"polluted"`));
  },
);
