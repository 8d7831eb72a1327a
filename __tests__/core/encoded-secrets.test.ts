import { describe, expect, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { SeededRandom } from '../kube/seeded-random.ts';
import { encodeSecrets, secrets } from './encoders/encoded-secrets.ts';

/** Bits of a secret that base64 shares with the text around it, and quotes without a meaning. */
const allowedRest = 6;

const encoded = encodeSecrets();
const masks = new Map(Object.entries(secrets).map(([name, text]) => [name, new SecretMask([text])]));

describe('a secret is masked as it is written by', () => {
  test.each([...new Set(encoded.map(({ encoder }) => encoder))])('%s', (encoder) => {
    const leaks: string[] = [];
    for (const { secret, text, frame } of encoded.filter((one) => one.encoder === encoder)) {
      const masked = masks.get(secret)?.maskText(`before ${text} behind`) ?? '';
      const rest = masked.replace(/\*{3}|&quot;|<[^>]*>/g, '').length - 'before  behind'.length;
      if (!masked.includes('***') || rest > frame.length + allowedRest)
        leaks.push(`${secret}: ${masked.slice(0, 300)}`);
      expect(masked.startsWith('before ')).toBe(true);
      expect(masked.endsWith(' behind')).toBe(true);
    }
    expect(leaks).toEqual([]);
  });
});

test('a secret that any cut of a stream divides is masked as in one piece, however it is encoded', () => {
  const random = new SeededRandom(11);
  for (const { secret, encoder, text } of encoded) {
    const mask = masks.get(secret);
    const bytes = Buffer.from(`> ${text} <`);
    const whole = mask?.maskText(bytes.toString());
    for (let round = 0; round < 3; round++) {
      const stream = mask?.openStream();
      const parts: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const length = 1 + random.below(round === 0 ? 2 : 40);
        parts.push(stream?.push(bytes.subarray(at, at + length)) ?? bytes);
        at += length;
      }
      parts.push(stream?.end() ?? bytes);
      expect(Buffer.concat(parts).toString(), `${secret}, ${encoder}`).toBe(whole);
    }
  }
});
