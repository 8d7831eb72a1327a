import { describe, expect, test } from 'vitest';
import { SecretMask } from '../src/core/secret-mask.ts';
import { SeededRandom } from './kube/seeded-random.ts';

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
    expect(expected).toBe('xabc***y*** cabd-mor *** abcabc***-more *** zz\u0000z ***-the *** abcab');
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
