import { describe, expect, test } from 'vitest';
import { type Failure, fail } from '../../src/core/outcome.ts';
import { explainImageFailure } from '../../src/pipeline/explain-images.ts';

const images = { loaded: new Set(['shop:latest']), pulled: [] };
const never = new AbortController().signal;
const failureOf = async (failure: Failure): Promise<Failure | undefined> => {
  const explained = await explainImageFailure({ ok: false, failure }, images, never);
  return explained.ok ? undefined : explained.failure;
};

describe('the failure of an image that the nodes were given', () => {
  test.each(['image-not-found', 'image-denied', 'image-registry-unreachable', 'image-pull-failed'] as const)(
    'says of %s that a pull policy of Always asks the registry all the same',
    async (code) => {
      const { failure } = fail('image', 'whatever it says', { code, image: 'shop:latest', hint: 'Log in.' });
      expect(await failureOf(failure)).toEqual({ ...failure, hint: expect.stringContaining('IfNotPresent') });
    },
  );

  test.each(['image-not-in-node', 'image-name-invalid', 'image-foreign-program', 'image-pull-stuck'] as const)(
    'keeps its own hint when it is %s, for no registry refused it',
    async (code) => {
      const { failure } = fail('image', 'image shop:latest cannot be pulled', {
        code,
        image: 'shop:latest',
        hint: 'x',
      });
      expect(await failureOf(failure)).toEqual(failure);
    },
  );

  test('keeps its own hint when it is about another image, with any reason', async () => {
    const { failure } = fail('image', 'image shop:latest cannot be pulled', { code: 'image-denied', image: 'b' });
    expect(await failureOf(failure)).toEqual(failure);
  });
});
