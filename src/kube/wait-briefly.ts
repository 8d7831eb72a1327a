/** Result of `waitBriefly` when the time is over first. */
export const late = Symbol('late');

/**
 * The value of a promise, or `late` when it takes longer than `milliseconds`. The promise continues and can be awaited again.
 */
export async function waitBriefly<T>(promise: Promise<T>, milliseconds: number): Promise<T | typeof late> {
  const { promise: timeout, resolve } = Promise.withResolvers<typeof late>();
  // Timers run before sockets in a turn of the event loop: data that arrived while this process was busy is not late.
  const timer = setTimeout(() => setImmediate(resolve, late), milliseconds);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
