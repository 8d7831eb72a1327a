/** XML that is small and means much, or that never ends, in every format of reports that is read. */
import { expect } from 'vitest';
import { type JUnitReading, readJUnit } from '../../src/junit/read-junit.ts';
import { liveBytes } from '../support/live-bytes.ts';
import { type Attempt, testAttack } from './attempts.ts';

/** A report of one passed and one failed test in each format; the payload replaces `%`. */
const formats: Record<string, { root: string; begin: string; end: string }> = {
  JUnit: {
    root: 'testsuites',
    begin: '<testsuites><testsuite name="s"><testcase name="green"/>%',
    end: '<testcase name="red"><failure message="m">d</failure></testcase></testsuite></testsuites>',
  },
  NUnit: {
    root: 'test-run',
    begin: '<test-run><test-suite type="TestFixture" fullname="s"><test-case name="green" result="Passed"/>%',
    end: '<test-case name="red" result="Failed"><failure><message>m</message></failure></test-case></test-suite></test-run>',
  },
  'xUnit.net': {
    root: 'assemblies',
    begin: '<assemblies><assembly name="s"><collection><test name="green" result="Pass"/>%',
    end: '<test name="red" result="Fail"><failure><message>m</message></failure></test></collection></assembly></assemblies>',
  },
  TRX: {
    root: 'TestRun',
    begin: '<TestRun><Results><UnitTestResult testName="green" outcome="Passed"/>%',
    end: '<UnitTestResult testName="red" outcome="Failed"/></Results></TestRun>',
  },
  'Robot Framework': {
    root: 'robot',
    begin: '<robot><suite name="s"><test name="green"><status status="PASS"/></test>%',
    end: '<test name="red"><status status="FAIL">m</status></test></suite></robot>',
  },
};

type Source = Iterable<string | Buffer>;

async function read(source: Source): Promise<JUnitReading> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (const piece of source) yield Buffer.from(piece as string);
  }
  return readJUnit(bytes(), { file: 'junit.xml', otherFormats: true, exitCode: 0 });
}

/**
 * The failed test is reported, or the report is refused with a short message; never green, and nothing of the machine in it.
 */
function expectNotGreen(reading: JUnitReading): void {
  const told = JSON.stringify(reading.ok ? reading.value : reading.failure);
  expect(told).not.toMatch(/root:x:0|expanded/);
  expect(reading.ok ? reading.value.counts.failed + reading.value.counts.errors : 1).toBeGreaterThan(0);
  if (!reading.ok) expect(reading.failure.reason.length).toBeLessThan(1000);
}

const doctype = (root: string, subset: string) => `<?xml version="1.0"?><!DOCTYPE ${root} ${subset}>`;
const laughs = (levels: number) =>
  Array.from({ length: levels }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');

/** Declarations before the root, with what refers to them inside of it. */
const declarations: Record<string, { subset: string; use: string }> = {
  'entities that grow a billion times': { subset: `[<!ENTITY l0 "lol">${laughs(9)}]`, use: '&l9;' },
  'one long entity, many times': { subset: `[<!ENTITY a "${'a'.repeat(50_000)}">]`, use: '&a;'.repeat(20_000) },
  'an entity of itself': { subset: '[<!ENTITY a "&a;">]', use: '&a;' },
  'two entities of each other': { subset: '[<!ENTITY a "&b;"><!ENTITY b "&a;">]', use: '&a;' },
  'a file of the machine': { subset: '[<!ENTITY a SYSTEM "file:///etc/passwd">]', use: '&a;' },
  'an address': { subset: '[<!ENTITY a SYSTEM "http://127.0.0.1:9/expanded">]', use: '&a;' },
  'a parameter entity': { subset: '[<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]', use: '&a;' },
  'a parameter entity that makes another': {
    subset: `[<!ENTITY % a "<!ENTITY b 'expanded'>"> %a;]`,
    use: '&b;',
  },
  'an external subset': { subset: 'SYSTEM "file:///etc/passwd"', use: '' },
  'a public external subset': { subset: 'PUBLIC "-//X//Y" "http://127.0.0.1:9/expanded"', use: '' },
  'a default for an attribute': { subset: '[<!ATTLIST testcase name CDATA "expanded">]', use: '' },
  'a hundred thousand declarations': { subset: `[${'<!ENTITY a "b">'.repeat(100_000)}]`, use: '' },
  'a subset that never ends': { subset: '[<!ENTITY a "', use: '' },
  'no declaration at all': { subset: '', use: '&undeclared;' },
};

/** What is refused, or is as much as nothing, inside of a report. */
const insides: Record<string, string> = {
  'a document type': '<!DOCTYPE x [<!ENTITY a "expanded">]>&a;',
  'an inclusion': '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>',
  'a stylesheet': '<?xml-stylesheet href="file:///etc/passwd"?>',
  'a second declaration': '<?xml version="1.0" encoding="utf-16"?>',
  'a conditional section': '<![INCLUDE[ expanded ]]>',
  'ten thousand levels': `${'<x>'.repeat(10_000)}${'</x>'.repeat(10_000)}`,
  'ten thousand suites in each other': `${'<testsuite>'.repeat(10_000)}${'</testsuite>'.repeat(10_000)}`,
  'ten thousand cases in each other': `${'<testcase name="n">'.repeat(10_000)}${'</testcase>'.repeat(10_000)}`,
  'elements that end in another order': '<a><b></a></b>',
  'an end without a begin': '</a>',
  'an end of the root': '</testsuites></TestRun></robot>',
  'a name of a megabyte': `<${'n'.repeat(1_000_000)}/>`,
  'an attribute name of a megabyte': `<x ${'n'.repeat(1_000_000)}="v"/>`,
  'a value of a megabyte': `<x n="${'v'.repeat(1_000_000)}"/>`,
  'a hundred thousand attributes': `<x ${Array.from({ length: 100_000 }, (_, i) => `a${i}="v"`).join(' ')}/>`,
  'an attribute twice': '<testcase name="a" name="b" result="Passed"/>',
  'the prototype as an attribute': '<testcase __proto__="x" constructor="y" name="toString"/>',
  'the prototype as an element': '<__proto__><constructor/></__proto__>',
  'a hundred thousand namespaces': `<x ${Array.from({ length: 100_000 }, (_, i) => `xmlns:n${i}="u"`).join(' ')}/>`,
  'a hundred thousand comments': '<!---->'.repeat(100_000),
  'a hundred thousand instructions': '<?a?>'.repeat(100_000),
  'a hundred thousand empty CDATA': '<![CDATA[]]>'.repeat(100_000),
  'a million closing brackets': ']'.repeat(1_000_000),
  'a million ends of CDATA': ']]>'.repeat(300_000),
  'a million open brackets': '<'.repeat(1_000_000),
  'a million ampersands': '&'.repeat(1_000_000),
  'a million half references': '&#x'.repeat(300_000),
  'a reference to nothing': '&;',
  'references beyond Unicode': '&#x110000;&#999999999;&#x7fffffff;'.repeat(10_000),
  'references to forbidden characters': '&#0;&#xFFFF;&#xD800;'.repeat(10_000),
  'a CDATA in a CDATA': '<![CDATA[<![CDATA[]]>]]>',
  'a CDATA that hides the rest': '<![CDATA[',
  'a comment that hides the rest': '<!--',
  'a comment with two dashes': '<!-- -- -->',
  'an instruction that hides the rest': '<?x',
  'a value that hides the rest': '<x n="',
  'a tag that hides the rest': '<x ',
  'a suite that says it passed': '<testsuite tests="9" failures="0" errors="0"/>',
};

const encodings: Record<string, (text: string) => Buffer> = {
  'UTF-16 with a mark': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'UTF-16 without a mark': (text) => Buffer.from(text, 'utf16le'),
  'UTF-16 of the other order': (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
  'UTF-16 that is cut in a character': (text) => Buffer.from(`\ufeff${text}`, 'utf16le').subarray(0, -1),
  'UTF-32': (text) => Buffer.concat([...`\ufeff${text}`].map((c) => Buffer.from([c.codePointAt(0) ?? 0, 0, 0, 0]))),
  'a declared UTF-16 that is none': (text) => Buffer.from(`<?xml version="1.0" encoding="UTF-16"?>${text}`),
  'a declared UTF-7': (text) => Buffer.from(`<?xml version="1.0" encoding="utf-7"?>${text}`),
  'a declared encoding of a kilobyte': (text) =>
    Buffer.from(`<?xml version="1.0" encoding="${'u'.repeat(1000)}"?>${text}`),
  'bytes that are no UTF-8': (text) => Buffer.concat([Buffer.from(text.slice(0, -20)), Buffer.alloc(1e6, 0xff)]),
  'NULs between all characters': (text) => Buffer.from([...text].join('\0')),
  'a mark in the middle': (text) => Buffer.from(text.replace('<', '<\ufeff')),
};

const whole = (format: { begin: string; end: string }, inside: string) =>
  format.begin.replace('%', () => inside) + format.end;

async function attemptBombs(attempt: Attempt): Promise<void> {
  for (const [name, format] of Object.entries(formats)) {
    for (const [what, { subset, use }] of Object.entries(declarations))
      await attempt(`${what}, before a report of ${name}`, async () =>
        expectNotGreen(await read([subset === '' ? '' : doctype(format.root, subset), whole(format, use)])),
      );
    for (const [what, inside] of Object.entries(insides))
      await attempt(`${what}, in a report of ${name}`, async () => expectNotGreen(await read([whole(format, inside)])));
    for (const [what, encode] of Object.entries(encodings))
      await attempt(`a report of ${name} in ${what}`, async () =>
        expectNotGreen(await read([encode(whole(format, '&lt;'))])),
      );
  }
}

testAttack('XML', 'no bomb and no trick of a document makes a red report green', attemptBombs, 300_000);

/** What never ends, as one would have to hold it in memory: begin, unit and end. */
const endless: Record<string, [string, string]> = {
  'a text': ['<x>', 'text '],
  'a text of a failure': ['<testcase name="n"><failure>', 'text\n'],
  'the output of a test': ['<testcase name="n"><system-out>', 'text\n'],
  'a CDATA': ['<x><![CDATA[', 'text '],
  'a comment': ['<!--', 'text '],
  'an instruction': ['<?x ', 'text '],
  'a document type': ['<!DOCTYPE x [', '<!ENTITY a "b">'],
  'a value': ['<x n="', 'text '],
  'a value of references': ['<x n="', '&amp;'],
  'a name of an element': ['<', 'name'],
  'a name of an attribute': ['<x ', 'name'],
  'attributes of one name': ['<x ', 'n="v" '],
  'white space in a tag': ['<x ', ' \n'],
  'levels of elements': ['', '<x>'],
  'levels of suites': ['', '<testsuite name="s">'],
  'suites beside each other': ['', '<testsuite name="s" tests="5" failures="2"/>'],
  'passed tests': ['', '<testcase name="n"/>'],
  'failed tests': ['', '<testcase name="n"><failure message="m">d</failure></testcase>'],
  'problems of one test': ['<testcase name="n">', '<failure message="m">d</failure>'],
  'properties of one test': ['<testcase name="n"><properties>', '<property name="p" value="v"/>'],
  'unknown elements': ['', '<x y="z">w</x>'],
  'empty CDATA': ['<x>', '<![CDATA[]]>'],
  comments: ['', '<!-- c -->'],
  references: ['<x>', '&#65;'],
  'open brackets': ['', '<'],
};

const pieceChars = 64 * 1024;
const endlessBytes = 5 * 1024 * 1024;
/** Of what is kept, cases above all, some megabytes are lawful: more than any of these texts, and less than it becomes when it is kept. */
const mostGrowth = 48 * 1024 * 1024;

async function attemptEndless(attempt: Attempt): Promise<void> {
  // The parser is one for all formats; the elements that are open are kept by the reader of each.
  for (const [what, [begin, unit]] of Object.entries(endless))
    for (const name of what.startsWith('levels') ? Object.keys(formats) : ['JUnit'])
      await attempt(`${what} without an end in a report of ${name}`, async () => {
        const format = formats[name]!;
        const before = liveBytes();
        let most = 0;
        function* source(): Generator<string> {
          yield format.begin.replace('%', begin);
          const piece = unit.repeat(Math.ceil(pieceChars / unit.length));
          for (let at = 0; at < endlessBytes; at += piece.length) {
            yield piece;
            // Thrice is enough to see it grow, and a collection of all garbage takes its time.
            if (Math.floor(at / (endlessBytes / 3)) !== Math.floor((at + piece.length) / (endlessBytes / 3)))
              most = Math.max(most, liveBytes() - before);
          }
        }
        const reading = await read(source());
        expect(reading.ok).toBe(false);
        expect(most).toBeLessThan(mostGrowth);
      });
}

testAttack('XML', 'endless input neither fills the memory nor is accepted as a report', attemptEndless, 300_000);
