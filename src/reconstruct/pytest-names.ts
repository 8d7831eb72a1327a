/** pytest's node ids, and what its JUnit report makes of them. */

/** Where a test stands, as pytest's JUnit report would say it. */
export interface PytestPlace {
  suite: string;
  classname: string;
  name: string;
  file: string;
}

/**
 * The place that a node id tells: `tests/test_a.py::TestX::test_y[a::b]` is `test_y[a::b]` of `tests.test_a.TestX`, as in
 * `mangle_test_address` of pytest's src/_pytest/junitxml.py.
 */
export function placeOfNodeId(id: string): PytestPlace {
  const bracket = id.indexOf('[');
  const address = bracket === -1 ? id : id.slice(0, bracket);
  const parts = address.split('::');
  const [file = ''] = parts;
  parts[0] = file.replaceAll('/', '.').replace(/\.py$/, '');
  const name = `${parts.pop()}${bracket === -1 ? '' : id.slice(bracket)}`;
  return { suite: 'pytest', classname: parts.join('.'), name, file };
}

/** What pytest's words for a result come to; `rerun` is a result that counts no more. */
export const pytestWords: Record<string, 'passed' | 'failed' | 'error' | 'skipped' | 'rerun'> = {
  PASSED: 'passed',
  FAILED: 'failed',
  ERROR: 'error',
  SKIPPED: 'skipped',
  XFAIL: 'skipped',
  XPASS: 'passed',
  RERUN: 'rerun',
};
