import { type Failure, type Result, succeed } from '../core/outcome.ts';

/** Waits for something that another task does. @throws the signal's reason on abort. */
export async function waitFor<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener('abort', stop));
}

/**
 * Runs two tasks concurrently, each of which is useless without the other: a failure of one aborts the other, and both have
 * ended when this returns.
 * @returns what both resulted in, or the failure that occurred first.
 * @throws the signal's reason on abort, or what one of the works threw first.
 */
export async function runTogether<A, B>(
  signal: AbortSignal,
  one: (signal: AbortSignal) => Promise<Result<A>>,
  other: (signal: AbortSignal) => Promise<Result<B>>,
): Promise<Result<[A, B]>> {
  const broken = new AbortController();
  const together = AbortSignal.any([signal, broken.signal]);
  let first: { failure: Failure } | { thrown: unknown } | undefined;
  const end = (how: typeof first) => {
    first ??= how;
    broken.abort('a parallel step failed');
  };
  const follow = async <T>(work: (signal: AbortSignal) => Promise<Result<T>>): Promise<Result<T> | undefined> => {
    try {
      const result = await work(together);
      if (!result.ok) end({ failure: result.failure });
      return result;
    } catch (thrown) {
      end({ thrown });
      return undefined;
    }
  };
  const [a, b] = await Promise.all([follow(one), follow(other)]);
  signal.throwIfAborted();
  if (a?.ok === true && b?.ok === true) return succeed([a.value, b.value]);
  if (first === undefined) throw new Error('a work ended without a result');
  if ('thrown' in first) throw first.thrown;
  return { ok: false, failure: first.failure };
}
