/** Reports of other tools, and logs, that would make a red run look green, name a wrong test, or take time. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import type { TestCounts } from '../../src/core/outcome.ts';
import { type JUnitReading, readJUnit } from '../../src/junit/read-junit.ts';
import { readCommand } from '../../src/reconstruct/tool-command.ts';
import { readToolLog, type ToolLog } from '../../src/reconstruct/tool-log.ts';
import { testAttack } from './attempts.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'attacked-reports-'));
});
afterAll(() => rmSync(root, { recursive: true }));

let files = 0;
function read(extension: string, content: string | Uint8Array, exitCode = 1): Promise<JUnitReading> {
  const file = path.join(root, `${files++}${extension}`);
  writeFileSync(file, content);
  return readJUnit(file, { file: `report${extension}`, otherFormats: true, exitCode });
}

function expectRed(failed: number, reading: JUnitReading): void {
  expect(failed).toBeGreaterThan(0);
  expect(JSON.stringify(reading).length).toBeLessThan(500_000);
}

function expectTrue(value: boolean): void {
  expect(value).toBe(true);
}

function expectCounts(reading: JUnitReading, counts: Partial<TestCounts>): void {
  expect(reading.ok ? reading.value.counts : reading.failure.reason).toMatchObject(counts);
}

function expectLittle(milliseconds: number, log: ToolLog | undefined): void {
  expect(milliseconds).toBeLessThan(5000);
  expect(JSON.stringify(log).length).toBeLessThan(100_000);
}

/** Numbers that are the same in each run: Mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const escapeXml = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');

/** One failed test in each format; `name`, `message` and `more` get the payload. */
const formats: Record<string, (name: string, message: string, more: string) => [string, string]> = {
  NUnit: (name, message, more) => [
    '.xml',
    `<test-run><test-suite type="TestFixture" name="${escapeXml(more)}"><test-case name="${escapeXml(name)}" result="Failed"><failure><message>${escapeXml(message)}</message></failure></test-case></test-suite></test-run>`,
  ],
  'xUnit.net': (name, message, more) => [
    '.xml',
    `<assemblies><assembly name="${escapeXml(more)}"><collection><test name="${escapeXml(name)}" result="Fail"><failure exception-type="${escapeXml(more)}"><message>${escapeXml(message)}</message></failure></test></collection></assembly></assemblies>`,
  ],
  TRX: (name, message, more) => [
    '.xml',
    `<TestRun name="${escapeXml(more)}"><Results><UnitTestResult testName="${escapeXml(name)}" duration="${escapeXml(more)}" outcome="Failed"><Output><ErrorInfo><Message>${escapeXml(message)}</Message></ErrorInfo></Output></UnitTestResult></Results></TestRun>`,
  ],
  'Robot Framework': (name, message, more) => [
    '.xml',
    `<robot><suite name="${escapeXml(more)}"><test name="${escapeXml(name)}"><kw name="k"><status status="PASS">${escapeXml(more)}</status></kw><status status="FAIL" elapsed="${escapeXml(more)}">${escapeXml(message)}</status></test></suite></robot>`,
  ],
  CTRF: (name, message, more) => [
    '.json',
    JSON.stringify({ results: { tool: {}, tests: [{ name, message, trace: more, suite: more, status: 'failed' }] } }),
  ],
  TAP: (name, message, more) => [
    '.tap',
    `TAP version 13\nnot ok 1 - ${name.replace(/[#\n\r]/g, '')}\n  ---\n  message: ${message.replace(/[\n\r]/g, ' ')}\n  more: ${more.replace(/[\n\r]/g, ' ')}\n  ...\n1..1\n`,
  ],
};
const payloads = [
  '',
  ' ',
  'ok 1 - a',
  'not ok',
  '1..0',
  '...',
  '---',
  'Bail out!',
  'PASS',
  'Passed',
  'passed',
  '__proto__',
  'constructor',
  ']]>',
  '<testcase/>',
  '</failure>',
  '</test-case>',
  '<![CDATA[',
  '&lt;',
  '%s%n',
  '$HOME',
  '$(id)',
  '\u202e',
  '\ufeff',
  '\ufffd',
  '\u2028',
  '😀',
  '\ud83d',
  'é'.repeat(5000),
  'x'.repeat(100_000),
  '"'.repeat(100),
  '\\'.repeat(100),
  '# SKIP',
  '# TODO',
  '{"a":1}',
  '[skipped]',
  '\t\t',
  'a\nb',
  'status="passed"',
  '-1',
  'NaN',
  '1e999',
  '00:00:-1',
];

testAttack('foreign report', 'a failed test stays failed with any texts', async (attempt) => {
  for (const [format, write] of Object.entries(formats))
    for (const payload of payloads)
      for (const place of ['name', 'message', 'more'])
        await attempt(`${format}, ${JSON.stringify(payload).slice(0, 40)} as ${place}`, async () => {
          const at = (one: string) => (one === place ? payload : 'plain');
          const reading = await read(...write(at('name'), at('message'), at('more')));
          // What cannot be read is red as well.
          const failed = reading.ok ? reading.value.counts.failed + reading.value.counts.errors : 1;
          expectRed(failed, reading);
        });
});

testAttack('cut report', 'no recorded report that was cut anywhere is read as whole', async (attempt) => {
  const recorded = path.join(import.meta.dirname, '../junit/recorded');
  for (const id of readdirSync(recorded)) {
    const results = path.join(recorded, id, 'results');
    let names: string[] = [];
    try {
      names = readdirSync(results);
    } catch {
      continue;
    }
    for (const name of names) {
      const whole = readFileSync(path.join(results, name), 'utf8').trimEnd();
      for (let part = 1; part < 32; part++)
        await attempt(`${id}/${name}, ${part} of 32`, async () => {
          const cut = whole.slice(0, Math.floor((whole.length * part) / 32));
          const reading = await read(path.extname(name), cut, 0);
          // TAP that lost its tests after the plan shows that itself.
          const isRed = !reading.ok || reading.value.counts.failed + reading.value.counts.errors > 0;
          expectTrue(isRed || name.endsWith('.tap'));
        });
    }
  }
});

testAttack(
  'same names',
  'each failed test counts, unless a run that ended well says that it was run again',
  async (attempt) => {
    for (let seed = 0; seed < 600; seed++) {
      const next = random(seed);
      const exitCode = Math.floor(next() * 2);
      const all: { isFailed: boolean; key: string }[] = [];
      const suites = Array.from({ length: 1 + Math.floor(next() * 3) }, () => {
        const host = `h${Math.floor(next() * 2)}`;
        const cases = Array.from({ length: 1 + Math.floor(next() * 5) }, () => {
          const one = { isFailed: next() < 0.4, key: `${host} t${Math.floor(next() * 2)}` };
          all.push(one);
          return `<testcase classname="c" name="${one.key.slice(-2)}">${one.isFailed ? '<failure message="m"/>' : ''}</testcase>`;
        });
        return `<testsuite name="s" hostname="${host}" tests="${cases.length}">${cases.join('')}</testsuite>`;
      });
      await attempt(`seed ${seed}, exit code ${exitCode}`, async () => {
        const reading = await read('.xml', `<testsuites>${suites.join('')}</testsuites>`, exitCode);
        const replaced = all.filter(
          ({ isFailed, key }, i) =>
            exitCode === 0 && isFailed && all.slice(i + 1).some((later) => later.key === key && !later.isFailed),
        ).length;
        const failed = all.filter(({ isFailed }) => isFailed).length;
        expectCounts(reading, { total: all.length - replaced, failed: failed - replaced });
      });
    }
  },
);

testAttack('status word', 'an unknown word is no pass', async (attempt) => {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  for (let seed = 0; seed < 600; seed++) {
    const next = random(seed);
    const word = `${letters[seed % letters.length]}q${Array.from({ length: 1 + Math.floor(next() * 12) }, () => letters[Math.floor(next() * letters.length)]).join('')}`;
    const attribute = seed % 2 === 0 ? 'status' : 'result';
    await attempt(`${attribute}="${word}"`, async () => {
      const reading = await read(
        '.xml',
        `<testsuite name="s"><testcase name="a" ${attribute}="${word}"/></testsuite>`,
        0,
      );
      expectCounts(reading, { passed: 0, errors: 1 });
    });
  }
});

testAttack('log of a tool', 'hostile lines take little time and room', async (attempt) => {
  const parts = [
    'FAIL ',
    ' FAIL  ',
    '● Test suite failed to run',
    'E   ',
    'ERROR: ',
    'Error: ',
    'INTERNALERROR> ',
    '!!! ',
    '---',
    '⎯⎯⎯ ',
    'Output:  ',
    'XUnit:   ',
    'JUNIT report written to ',
    'go: ',
    'panic: ',
    '# ',
    'ok  \t',
    '[ERROR] ',
    'timeout ',
    'node ',
    ': not found',
    'a: ',
    '\u001b[31m',
    '\r',
    '\u0000',
    'a.go:1:1: ',
    ' [build failed]',
    '(',
    ' generated xml file: ',
  ];
  for (let seed = 0; seed < 300; seed++) {
    const next = random(seed);
    const part = parts[seed % parts.length] ?? '';
    const other = parts[Math.floor(next() * parts.length)] ?? '';
    const line = `${part}${other.repeat(1 + Math.floor(next() * 3000))}${part}`;
    await attempt(`seed ${seed}`, async () => {
      const file = path.join(root, `${files++}.log`);
      writeFileSync(file, `${line}\n`.repeat(20));
      const startedAt = performance.now();
      const log = await readToolLog(file, new AbortController().signal);
      readCommand(['sh', '-c', line]);
      expectLittle(performance.now() - startedAt, log);
    });
  }
});
