import { type Failure, type Result, succeed } from '../core/outcome.ts';

/**
 * Runs works beside each other, each of which is useless without the others: what ends one without success aborts the
 * others, and all have ended when this returns.
 * @returns the failure that came first.
 * @throws the signal's reason on abort, or what one of the works threw first.
 */
export async function runTogether(
  signal: AbortSignal,
  works: ((signal: AbortSignal) => Promise<Result<unknown>>)[],
): Promise<Result<undefined>> {
  const broken = new AbortController();
  const together = AbortSignal.any([signal, broken.signal]);
  let first: { failure: Failure } | { thrown: unknown } | undefined;
  const end = (how: typeof first) => {
    first ??= how;
    broken.abort('a parallel step failed');
  };
  await Promise.all(
    works.map(async (work) => {
      try {
        const result = await work(together);
        if (!result.ok) end({ failure: result.failure });
      } catch (thrown) {
        end({ thrown });
      }
    }),
  );
  signal.throwIfAborted();
  if (first === undefined) return succeed(undefined);
  if ('thrown' in first) throw first.thrown;
  return { ok: false, failure: first.failure };
}
