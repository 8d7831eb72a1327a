/** Secrets in the spellings of real encoders, in streams that are cut anywhere. */
import { expect } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { encodeSecrets, secrets } from '../core/encoders/encoded-secrets.ts';
import { SeededRandom } from '../kube/seeded-random.ts';
import { type Attempt, testAttack } from './attempts.ts';

const encoded = encodeSecrets();
const masks = new Map(Object.entries(secrets).map(([name, text]) => [name, new SecretMask([text])]));

function maskInPieces(mask: SecretMask, bytes: Buffer, cuts: readonly number[]): string {
  const stream = mask.openStream();
  const parts: Buffer[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    parts.push(stream.push(bytes.subarray(from, cut)));
    from = cut;
  }
  parts.push(stream.end());
  return Buffer.concat(parts).toString();
}

async function attemptEncoders(attempt: Attempt): Promise<void> {
  for (const { secret, encoder, text, frame } of encoded)
    await attempt(`${secret}, ${encoder}`, () => {
      const masked = masks.get(secret)?.maskText(`before ${text} behind`) ?? '';
      expect(masked).toContain('***');
      const rest = masked.replace(/\*{3}|&quot;|<[^>]*>/g, '').length - 'before  behind'.length;
      expect(rest, masked.slice(0, 300)).toBeLessThanOrEqual(frame.length + 6);
    });
}
testAttack('encoders', 'no common encoder carries a secret through the mask', attemptEncoders);

async function attemptCuts(attempt: Attempt): Promise<void> {
  const random = new SeededRandom(5);
  const short = encoded.filter(({ text }) => text.length < 400);
  for (const { secret, encoder, text } of short) {
    const mask = masks.get(secret);
    if (mask === undefined) continue;
    const bytes = Buffer.from(`${'x'.repeat(random.below(9))} ${text} <`);
    const whole = mask.maskText(bytes.toString());
    const cut = 1 + random.below(bytes.length - 1);
    const cuts = [[cut], [cut, cut + 1], Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)];
    for (const places of cuts)
      await attempt(`${secret}, ${encoder}, cut at ${places.slice(0, 3)}`, () => {
        expect(whole).toContain('***');
        expect(maskInPieces(mask, bytes, places)).toBe(whole);
      });
  }
}
testAttack('chunk boundaries', 'a secret is masked however its stream is cut', attemptCuts);
