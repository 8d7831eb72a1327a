/**
 * A value that the preceding code guarantees, where its type cannot express that.
 * @param what names it in the error.
 * @throws Error when it is missing after all, which is a bug.
 */
export function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`${what} is missing`);
  return value;
}
