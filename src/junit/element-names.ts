/** The names of elements, as reports write them. */

/** Those that mean something to us. */
const known = [
  'testsuites',
  'testsuite',
  'testcase',
  'failure',
  'error',
  'skipped',
  'flakyFailure',
  'flakyError',
  'rerunFailure',
  'rerunError',
  'stackTrace',
  'property',
  'system-out',
  'system-err',
  'Pass',
];
const byFolded = new Map(known.map((name) => [name.toLowerCase(), name]));

/** The name of an element without the prefix of its namespace, which a program that saves a report again may give it. */
export function withoutPrefix(written: string): string {
  return written.slice(written.indexOf(':') + 1);
}

/**
 * The name of an element of JUnit: without a prefix, and where only its case is another one, as JUnit has it. A failure that is
 * written `<Failure>` is one.
 */
export function nameOfElement(written: string): string {
  const plain = withoutPrefix(written);
  return byFolded.get(plain.toLowerCase()) ?? plain;
}
