/** What `waitBriefly` says when the time is over first. */
export const late = Symbol('late');

/** The value of a promise, or `late` when it takes longer than `milliseconds`. The promise goes on and may be waited for again. */
export async function waitBriefly<T>(promise: Promise<T>, milliseconds: number): Promise<T | typeof late> {
  const { promise: timeout, resolve } = Promise.withResolvers<typeof late>();
  const timer = setTimeout(resolve, milliseconds, late);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
