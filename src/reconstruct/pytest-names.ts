/** pytest's node ids, and what its JUnit report makes of them. */

/** Class and name of a test, as pytest's JUnit report writes them. */
export interface PytestPlace {
  suite: string;
  classname: string;
  name: string;
  file: string;
}

/**
 * Class and name by a node id: `tests/test_a.py::TestX::test_y[a::b]` is `test_y[a::b]` of `tests.test_a.TestX`, as in
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

/** The outcomes for pytest's result words; `rerun` is a result that does not count. */
export const pytestWords: Record<string, 'passed' | 'failed' | 'error' | 'skipped' | 'rerun'> = {
  PASSED: 'passed',
  FAILED: 'failed',
  ERROR: 'error',
  SKIPPED: 'skipped',
  XFAIL: 'skipped',
  XPASS: 'passed',
  RERUN: 'rerun',
};
