import { describe, expect, test } from 'vitest';
import { podNamePrefix } from '../../src/kube/job-pods.ts';

/** As names.SimpleNameGenerator of the API server makes them, and podGenerateNameWithIndex of the Job controller. */
const generate = (base: string) => `${base.slice(0, 58)}x7k2p`;
const plainPod = (job: string) => generate(`${job}-`);
const indexedPod = (job: string, index: number) => {
  const suffix = `-${index}-`;
  const base = `${job}${suffix}`;
  return generate(base.length > 58 ? `${base.slice(0, 58 - suffix.length)}${suffix}` : base);
};

describe('the logs of a Job are found by the names of its pods', () => {
  test.each([1, 20, 49, 50, 51, 57, 58, 60, 63])('when its own name has %i characters', (length) => {
    const job = 'job-of-the-tests-'.repeat(4).slice(0, length);
    const prefix = podNamePrefix(job);
    for (const pod of [plainPod(job), indexedPod(job, 0), indexedPod(job, 99_999)])
      expect(pod.startsWith(prefix), `${pod} begins with ${prefix}`).toBe(true);
  });

  test('and not those of a Job whose name begins alike', () => {
    expect(plainPod('tests-of-others').startsWith(podNamePrefix('tests-of-ours'))).toBe(false);
    expect(plainPod('tests2').startsWith(podNamePrefix('tests'))).toBe(false);
  });
});
