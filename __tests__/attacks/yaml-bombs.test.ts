/** Hostile YAML: bombs of aliases, values that hold themselves, names of prototypes, merge keys, depth, and what is no text. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { readJobManifest } from '../../src/inputs/job-manifest.ts';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { readYaml, readYamlDocuments } from '../../src/inputs/read-yaml.ts';
import { renderInputErrors } from '../../src/inputs/schema.ts';
import { readUserKindConfig } from '../../src/inputs/user-kind-config.ts';
import { readRendered } from '../../src/platform/chart.ts';
import { testAttack } from './attempts.ts';

/** The text before the document, at its top level, and the text at the attacked place, on one line. */
interface Payload {
  before?: string;
  value: string;
}

/** `levels` lines of nine aliases each: 9^levels values. */
function bomb(levels: number, write: (aliases: string[]) => string, bottom: string): Payload {
  const lines = [`a0: &a0 ${bottom}`];
  for (let level = 1; level <= levels; level++)
    lines.push(`a${level}: &a${level} ${write(Array.from({ length: 9 }, () => `*a${level - 1}`))}`);
  return { before: lines.join('\n'), value: `*a${levels}` };
}

const inList = (aliases: string[]): string => `[${aliases.join(', ')}]`;
const inMapping = (aliases: string[]): string => `{${aliases.map((alias, i) => `k${i}: ${alias}`).join(', ')}}`;
const inMerge = (aliases: string[]): string => `{<<: [${aliases.join(', ')}], own: ${aliases[0]}}`;
const deep = 20_000;

const payloads: Record<string, Payload> = {
  'a bomb of lists': bomb(9, inList, '[lol, lol]'),
  'a bomb of mappings': bomb(9, inMapping, '{lol: lol}'),
  'a bomb of merge keys': bomb(9, inMerge, '{lol: lol}'),
  'a bomb of long texts': bomb(6, inList, `"${'lol'.repeat(30_000)}"`),
  'a bomb with a wide bottom': bomb(4, inList, inList(Array.from({ length: 2000 }, (_, i) => String(i)))),
  'a bomb with two ways down': bomb(40, (aliases) => inList(aliases.slice(0, 2)), '[x]'),
  'a list in itself': { value: '&me [*me]' },
  'a mapping in itself': { value: '&me {me: *me}' },
  'a mapping in itself by a merge key': { value: '&me {<<: *me, a: b}' },
  'a mapping that is its own key': { value: '&me {? *me : x}' },
  'a list in itself, deep down': { value: '&me [[{a: [*me]}]]' },
  'two that hold each other': { value: '{a: &a [x, &b [*a]], b: *b}' },
  'an alias of nothing': { value: '*nobody' },
  'an anchor without a value': { value: '&nothing' },
  'an anchor twice': { value: '[&a x, &a [*a], *a]' },
  'the prototype as a key': { value: '{__proto__: {polluted: yes}, constructor: {prototype: {polluted: yes}}}' },
  'the prototype by a merge key': { before: 'p: &p {__proto__: {polluted: yes}}', value: '{<<: *p}' },
  'the prototype as an anchor': { value: '[&__proto__ {polluted: yes}, *__proto__, &constructor x, *constructor]' },
  'names of methods': { value: '{toString: 1, valueOf: 2, hasOwnProperty: 3, toJSON: 4, then: 5, length: 6}' },
  'merge keys of no mapping': { value: '{<<: 5, <<: [1, [2]]}' },
  'a function': { value: '!!js/function "function () { process.exit(3) }"' },
  'an expression of JavaScript': { value: '!!js/eval process.exit(3)' },
  'an object of Python': { value: '!!python/object/apply:os.system ["exit 3"]' },
  'an object of Java': { value: '!!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[]]]' },
  'binary data that is none': { value: '!!binary "%%%"' },
  'a set and an ordered map': { value: '[!!set {a, b}, !!omap [a: 1], !!pairs [a: 1, a: 2]]' },
  'a tag of a megabyte': { value: `!<${'t'.repeat(1_000_000)}> x` },
  'lists of 20,000 levels': { value: `${'['.repeat(deep)}${']'.repeat(deep)}` },
  'mappings of 20,000 levels': { value: `${'{a: '.repeat(deep)}x${'}'.repeat(deep)}` },
  'lists of 20,000 levels that never end': { value: '['.repeat(deep) },
  'dashes of 20,000 levels': { value: '- '.repeat(deep) },
  'questions of 20,000 levels': { value: '? '.repeat(deep) },
  'aliases of 4,000 levels': {
    before: Array.from({ length: 4000 }, (_, i) => `c${i}: &c${i} [${i === 0 ? 'x' : `*c${i - 1}`}]`).join('\n'),
    value: '*c3999',
  },
  'a text of 200,000 characters': { value: `"${'x'.repeat(200_000)}"` },
  'a key of a million characters': { value: `{${'x'.repeat(1_000_000)}: 1}` },
  'a hundred thousand quotes': { value: `"${'\\"'.repeat(100_000)}` },
  'a hundred thousand spaces': { value: `"a${' '.repeat(100_000)}b"` },
  'a hundred thousand colons': { value: ':'.repeat(100_000) },
  'a hundred thousand anchors': { value: '&a '.repeat(100_000) },
  'ten thousand keys': { value: `{${Array.from({ length: 10_000 }, (_, i) => `k${i}: ${i}`).join(', ')}}` },
  'ten thousand equal keys': { value: `{${'k: 1, '.repeat(10_000)}}` },
  'a number of a hundred thousand digits': { value: '1'.repeat(100_000) },
  'a number beyond all': { value: '1e999999' },
  'a NUL': { value: 'a\0b' },
  'escaped NULs and halves of characters': { value: '"\\0\\x00\\u0000\\ud800\\udfff\\U0010ffff"' },
  'an escape beyond Unicode': { value: '"\\UFFFFFFFF"' },
  'control characters': { value: '"\u0001\u0008\u001b[31m\u007f\u0085\u2028"' },
  'bidirectional text': { value: '"\u202epassed\u202c"' },
  'a workflow command': { value: '"\\n::add-mask::x\\n::set-output name=a::b"' },
  'another document': { value: 'x\n---\n!!js/undefined ""\n...\n%YAML 9.9\n---\n*a' },
  'directives without an end': { value: 'x\n...\n%TAG ! tag:evil,2000:\n%TAG !! tag:evil,2000:\n' },
  tabs: { value: '\t[\t]\n\t\t- x' },
  'a block text with an indent that lies': { value: '|9\n  x\n' },
  'a byte order mark in the middle': { value: '\ufeffx' },
};

const places: Record<string, (value: string) => string> = {
  'a tier': (value) => `unit: ${value}\n`,
  'an input': (value) => `unit:\n  command: ${value}\n`,
  'an item of a list': (value) => `unit:\n  values:\n    - ${value}\n`,
  'a key': (value) => `unit:\n  ? ${value}\n  : x\n`,
  'a merge': (value) => `unit:\n  <<: ${value}\n  command: x\n`,
  'the spec of a Job': (value) => `apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec: ${value}\n`,
  'the nodes of a Kind config': (value) => `apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\nnodes:\n  - ${value}\n`,
};

const directory = mkdtempSync(path.join(tmpdir(), 'attack-yaml-'));

/** A reader's result for a text: a value, and all its messages. */
type Reader = (text: string) => { value: unknown; said: string[] };

const readers: Record<string, Reader> = {
  'the reader': (text) => {
    const { value, problem } = readYaml(text);
    return { value, said: problem === undefined ? [] : [problem] };
  },
  'the reader of documents': (text) => {
    const documents = readYamlDocuments(text);
    return {
      value: documents.map(({ value }) => value),
      said: documents.map(({ problem }) => problem).filter((problem) => problem !== undefined),
    };
  },
  'the project file': (text) => {
    writeFileSync(path.join(directory, '.k8s-test.yaml'), text);
    const { errors = [], ...read } = readInputs({
      given: { tier: 'unit' },
      directory,
      bundledChart: directory,
      env: {},
    });
    return { value: read, said: renderInputErrors(errors) };
  },
  'a Job of the user': (text) => {
    const { testJob, problems = [] } = readJobManifest(text, {
      namespace: 'here',
      resultsPath: '/results',
      container: undefined,
    });
    return { value: testJob, said: problems.map(({ problem }) => problem) };
  },
  'a Kind config': (text) => {
    try {
      return { value: readUserKindConfig(text), said: [] };
    } catch (error) {
      return { value: undefined, said: [error instanceof Error ? error.message : 'no error'] };
    }
  },
  'a rendered chart': (text) => ({ value: readRendered(text), said: [] }),
};

/** What was read has an end: it can be walked through, and takes no more than its bound. */
const mostJsonChars = 64 * 1024 * 1024;
/** Far more than any of them takes, so that a busy machine is no failure; a bomb never ends. */
const mostMilliseconds = 20_000;

testAttack(
  'YAML bombs',
  'whatever a file holds, reading it ends soon, with a value that has an end or with short words',
  async (attempt) => {
    for (const [what, { before = '', value }] of Object.entries(payloads))
      for (const [place, write] of Object.entries(places))
        for (const [reader, read] of Object.entries(readers))
          await attempt(`${what} as ${place}, by ${reader}`, () => {
            const start = performance.now();
            const result = read(`${before}\n${write(value)}`);
            expect(performance.now() - start).toBeLessThan(mostMilliseconds);
            expect((JSON.stringify(result.value) ?? '').length).toBeLessThan(mostJsonChars);
            expect(Object.keys(Object.prototype)).toEqual([]);
            expect(({} as Record<string, unknown>).polluted).toBeUndefined();
            for (const line of result.said) {
              expect(line.length, line.slice(0, 300)).toBeLessThan(2000);
              expect(line).not.toMatch(/^::|\n::/);
            }
          });
    rmSync(directory, { recursive: true });
  },
  300_000,
);
