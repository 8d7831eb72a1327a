/** Hostile JUnit XML: entities, depth, length, characters and encodings that would make a red report green, or take memory. */
import { expect } from 'vitest';
import { type JUnitReading, readJUnit } from '../../src/junit/read-junit.ts';
import { type Attempt, testAttack } from './attempts.ts';

const limits = { nameChars: 50, messageChars: 100, detailsChars: 400, keptCases: 40, keptFailures: 40, keptSuites: 20 };

async function* inChunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

function read(xml: string | Uint8Array, chunkBytes = 64 * 1024): Promise<JUnitReading> {
  const bytes = typeof xml === 'string' ? Buffer.from(xml) : xml;
  return readJUnit(inChunks(bytes, chunkBytes), { file: 'junit.xml', limits });
}

/** A report of one passed and one failed test; `at` gets the payload. */
const places: Record<string, (payload: string) => string> = {
  'name of a case': (payload) => report({ name: payload }),
  'class of a case': (payload) => report({ className: payload }),
  'time of a case': (payload) => report({ time: payload }),
  'message of a failure': (payload) => report({ message: payload }),
  'type of a failure': (payload) => report({ type: payload }),
  'details of a failure': (payload) => report({ details: payload }),
  'CDATA of a failure': (payload) => report({ details: `<![CDATA[${payload.replaceAll(']]>', '')}]]>` }),
  'output of a case': (payload) => report({ after: `<system-out>${payload}</system-out>` }),
  'property of a case': (payload) =>
    report({ after: `<properties><property name="p" value="${payload}"/></properties>` }),
  'name of the suite': (payload) => report({ suite: payload }),
  'counts of the suite': (payload) => report({ counts: payload }),
  'unknown element': (payload) => report({ after: `<other>${payload}</other>` }),
  comment: (payload) => report({ after: `<!-- ${payload.replaceAll('--', '')} -->` }),
  instruction: (payload) => report({ after: `<?x ${payload.replaceAll('?>', '')}?>` }),
};

function report(parts: {
  name?: string;
  className?: string;
  time?: string;
  message?: string;
  type?: string;
  details?: string;
  after?: string;
  suite?: string;
  counts?: string;
}): string {
  const { name = 'red', className = 'c', time = '1', message = 'm', type = 't', details = 'd', after = '' } = parts;
  return (
    `<testsuite name="${parts.suite ?? 's'}" tests="${parts.counts ?? '2'}" failures="${parts.counts ?? '1'}">` +
    '<testcase name="green" classname="c" time="1"/>' +
    `<testcase name="${name}" classname="${className}" time="${time}">` +
    `<failure message="${message}" type="${type}">${details}</failure>${after}</testcase></testsuite>`
  );
}

/** Texts in place of a value, each without `<`, `&` and quotes that would end the value. */
const payloads: Record<string, string> = {
  'a NUL': 'a\0b',
  'control characters': '\u0001\u0002\u0008\u000b\u001f\u007f',
  'an escaped NUL': 'a&#0;b&#x0;c',
  'an escaped control character': '&#27;[31m&#x1b;[0m',
  'an escaped surrogate': '&#xD83D;&#xDE00;',
  'an escape beyond Unicode': '&#x7fffffff;&#999999999;',
  'U+FFFE and U+FFFF': '\ufffe\uffff',
  'an ANSI sequence': '\u001b[31mred\u001b[0m\u001b[',
  'the prototype': '__proto__',
  'the constructor': 'constructor',
  'a bidirectional override': '\u202epassed\u202c',
  'a line separator': 'a\u2028b\u2029c\u0085d',
  'a million characters': 'x'.repeat(1_000_000),
  'a hundred thousand line breaks': '\n'.repeat(100_000),
  'a hundred thousand carriage returns': '\r'.repeat(100_000),
  'a hundred thousand spaces': ' '.repeat(100_000),
  'a hundred thousand entities': '&amp;'.repeat(100_000),
  'a hundred thousand escapes': '&#65;'.repeat(100_000),
  'emoji at every cut': '😀'.repeat(500),
  'a number beyond all': `1${'0'.repeat(400)}`,
  'a negative number': '-1',
  'not a number': 'NaN',
  infinity: 'Infinity',
  'a hexadecimal number': '0x10',
  'a workflow command': '::error::x%0A::add-mask::y',
  'a forged end': ']]&gt;&lt;/testcase&gt;',
};

const chunkSizes = [1, 7, 64 * 1024];

function expectRed(reading: JUnitReading): void {
  // Red is a failed test that is counted, or a refusal; nothing may lose the failure.
  if (!reading.ok) {
    expect(reading.failure.kind).toBe('report');
    expect(reading.failure.reason.length).toBeLessThan(1000);
    return;
  }
  const { counts, cases, suites, warnings } = reading.value;
  expect(counts).toMatchObject({ total: 2, passed: 1, failed: 1 });
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  for (const { name, classname, message, details, seconds } of cases) {
    expect(name.length).toBeLessThanOrEqual(limits.nameChars + 1);
    expect(classname.length).toBeLessThanOrEqual(limits.nameChars + 1);
    expect(message.length).toBeLessThanOrEqual(limits.messageChars + 1);
    expect(details.length).toBeLessThanOrEqual(limits.detailsChars + 100);
    expect(seconds >= 0 && Number.isFinite(seconds)).toBe(true);
    expect(`${name}${classname}${message}${details}`).not.toMatch(/[^\t\n\r\u0020-\ufffd]/);
  }
  for (const { name } of suites) expect(name.length).toBeLessThanOrEqual(limits.nameChars + 1);
  expect(warnings.join('').length).toBeLessThan(10_000);
}

async function attemptPlaces(attempt: Attempt): Promise<void> {
  for (const [place, write] of Object.entries(places))
    for (const [what, payload] of Object.entries(payloads))
      for (const chunkBytes of payload.length > 10_000 ? [64 * 1024] : chunkSizes)
        await attempt(`${what} in the ${place}, ${chunkBytes} bytes at a time`, async () =>
          expectRed(await read(write(payload), chunkBytes)),
        );
}

testAttack(
  'XML',
  'whatever a value holds, the failed test stays failed and nothing kept is beyond its limit',
  attemptPlaces,
);
