import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { toOneLine } from '../../src/core/outcome.ts';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { SeededRandom } from '../kube/seeded-random.ts';

const secret = 'p4ss/w0rd&<"quote">+é';
const mask = new SecretMask([secret]);

describe('a secret is masked', () => {
  test.each([
    ['as it is', secret],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64 for addresses', Buffer.from(secret).toString('base64url')],
    ['in hex', Buffer.from(secret).toString('hex')],
    ['in JSON', JSON.stringify({ secret })],
    ['in XML', '<a b="p4ss/w0rd&amp;&lt;&quot;quote&quot;&gt;+é"/>'],
    ['in an address', `https://user:${encodeURIComponent(secret)}@host`],
  ])('%s', (_, text) => {
    const masked = mask.maskText(text);
    expect(masked).toContain('***');
    expect(masked).not.toContain('w0rd');
  });

  test.each(['', 'u', 'us', 'user:', 'much longer before it '])('in base64 behind "%s"', (before) => {
    const basic = Buffer.from(`${before}${secret} and more`).toString('base64');
    const masked = mask.maskText(`Authorization: Basic ${basic}`);
    expect(masked).toContain('***');
    expect(Buffer.from(masked.replace(/^.* /, '').replace('***', ''), 'base64').toString()).not.toContain('w0rd');
  });

  test('line by line, when it has several', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----';
    const masked = new SecretMask([key]).maskText('log: hkiG9w0BAQEFAASC\nlog: MIIEvQIBADANBgkq');
    expect(masked).toBe('log: ***\nlog: ***');
  });

  test('in every text of a value, keys included', () => {
    const value = { reason: `no ${secret}`, list: [secret, 3, null], [secret]: true };
    expect(mask.maskValue(value)).toEqual({ reason: 'no ***', list: ['***', 3, null], '***': true });
  });
});

describe('a stream', () => {
  test('is masked the same however it is cut', () => {
    const random = new SeededRandom(7);
    const both = new SecretMask(['abcabd', 'abcabd-then', 'cabd-more', 'zz\u0000zz']);
    const text =
      'xabcabcabdyabcabd cabd-mor cabd-more abcabcabcabd-more zz\u0000zz zz\u0000z abcabd-the abcabd-then abcab';
    const whole = both.openStream();
    const expected = Buffer.concat([whole.push(Buffer.from(text)), whole.end()]).toString();
    expect(expected).toBe('xabc***y*** cabd-mor *** abcabc*** *** zz\u0000z ***-the *** abcab');
    for (let round = 0; round < 500; round++) {
      const stream = both.openStream();
      const parts: Buffer[] = [];
      for (let at = 0; at < text.length; ) {
        const length = 1 + random.below(6);
        parts.push(stream.push(Buffer.from(text.slice(at, at + length))));
        at += length;
      }
      parts.push(stream.end());
      expect(Buffer.concat(parts).toString()).toBe(expected);
    }
  });

  test('is not held back where no secret can have begun', () => {
    const stream = new SecretMask(['a-very-long-secret']).openStream();
    expect(stream.push(Buffer.from('nothing here')).toString()).toBe('nothing here');
    expect(stream.push(Buffer.from(' a-very')).toString()).toBe(' ');
    expect(stream.push(Buffer.from(' short')).toString()).toBe('a-very short');
  });

  test('without secrets passes unchanged', () => {
    const bytes = Buffer.from([0, 255, 10]);
    expect(new SecretMask(['', 'abc']).openStream().push(bytes)).toBe(bytes);
  });
});

describe('a secret of several lines', () => {
  const lines = 'short\n{"a": 1, "b": "value"}\n  indented-line-of-it\n';

  test.each([
    ['a line of eight characters and more', 'x indented-line-of-it y', 'x *** y'],
    ['all of it with the line ends of Windows', lines.replaceAll('\n', '\r\n'), '***'],
    ['all of it without the white space around it', `<${lines.trim()}>`, '<***>'],
    ['not a line that is shorter', 'short', 'short'],
  ])('is masked: %s', (_, text, masked) => {
    expect(new SecretMask([lines]).maskText(text)).toBe(masked);
  });

  test('that ends with a line break is also masked without it', () => {
    expect(new SecretMask(['hunter2\n']).maskText('pw=hunter2;')).toBe('pw=***;');
  });

  test('that is a key hides no frame of another key', () => {
    const key = '-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END RSA PRIVATE KEY-----\n';
    expect(new SecretMask([key]).maskText('-----BEGIN RSA PRIVATE KEY-----')).toBe('-----BEGIN RSA PRIVATE KEY-----');
    expect(new SecretMask([key]).maskText(key)).toBe('***');
  });
});

describe('a text that was cut before it was masked', () => {
  const cutSecret = 'correct-horse-battery-staple';
  const masker = new SecretMask([cutSecret]);
  const secretBase64 = Buffer.from(cutSecret).toString('base64');

  test('reveals nothing of the secret, wherever it was cut', () => {
    for (let length = 20; length < 90; length++) {
      const masked = masker.maskText(
        toOneLine(`the server said: ${cutSecret}, and ${JSON.stringify(secretBase64)}`, length),
      );
      expect(masked, `${length}`).not.toContain('corre');
      expect(masked, `${length}`).not.toContain(secretBase64.slice(0, 8));
    }
  });

  test('is cut at another place: text that begins like the secret and continues differently stays', () => {
    expect(masker.maskText('correct-horses run…')).toBe('correct-horses run…');
    expect(masker.maskText('correct-horse')).toBe('correct-horse');
  });
});

describe('text that holds no secret stays as it is, to the byte', () => {
  const masker = new SecretMask([
    'hunter2-correct-horse',
    '"quoted"',
    "it's",
    '\\server\\share',
    '&amp;',
    '%41%42',
    '    indented',
    'Grüße-Öl',
    'AAAA',
  ]);

  test.each(['README.md', 'docs/recipes.md', 'action.yml', 'src/report/report-html.ts'])('%s', (file) => {
    const text = readFileSync(file, 'utf8');
    expect(new SecretMask(['hunter2-correct-horse', '%41%42', 'Grüße-Öl']).maskText(text)).toBe(text);
  });

  test.each([
    'hunter-correct-horse',
    'hunter2-correct-hors',
    'hunter2 correct horse',
    '\\"quote\\"d',
    'its',
    '\\\\server\\other',
    '&am;',
    '&#65;&#66;',
    '%4142',
    'Gruesse-Oel',
    'AAA A',
    '\\u00',
    'a\\',
    '%',
    '&#',
    '\\ud83d',
  ])('%s', (text) => {
    expect(masker.maskText(text)).toBe(text);
    const stream = masker.openStream();
    expect(
      Buffer.concat([...Buffer.from(text)].map((byte) => stream.push(Buffer.from([byte])))).toString() + stream.end(),
    ).toBe(text);
  });

  test('bytes that are not UTF-8', () => {
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 167 + (i >> 5)) & 0xff));
    const stream = masker.openStream();
    expect(Buffer.concat([stream.push(bytes), stream.end()])).toEqual(bytes);
  });
});

describe('hostile text is masked in time that grows with its length alone', () => {
  const masker = new SecretMask(['"&\\% hunter2', 'aaaaaaaaaaaaaaaaaaaaaaaab', '    b']);

  test.each([
    ['backslashes', '\\'],
    ['backslashes in other spellings', '\\&#92;%5C\\u005c'],
    ['ampersands', '&amp;'],
    ['ampersands, spelled otherwise', '&#38;&#x26;\\u0026'],
    ['per cent signs', '%25'],
    ['quotes', `'"'`],
    ['letters of which a secret consists', 'a'],
    ['blanks', ' '],
    ['line breaks', '\n'],
    ['zeros', '&#0000'],
    ['colours', '\u001b[0m'],
    ['all of it', `\\&amp;%25'"\n\u001b[0maaaa`],
  ])('%s', (_, unit) => {
    const measure = (length: number) => {
      const bytes = Buffer.from(unit.repeat(Math.ceil(length / unit.length)));
      const stream = masker.openStream();
      const begin = process.cpuUsage();
      for (let at = 0; at < bytes.length; at += 16_384) stream.push(bytes.subarray(at, at + 16_384));
      stream.end();
      return process.cpuUsage(begin).user / 1000;
    };
    measure(16_384);
    const short = Math.min(measure(16_384), measure(16_384));
    // Eight times the text; what is quadratic takes 64 times as long.
    expect(measure(8 * 16_384)).toBeLessThan(30 * Math.max(short, 20));
  });
});
