import type { Recording } from './recording.ts';

const packages = {
  pip: [
    'pytest==9.2.0',
    'pytest-xdist==3.8.0',
    'pytest-rerunfailures==16.7',
    'pytest-json-ctrf==0.6.1',
    'pytest-nunit==1.0.7',
    'unittest-xml-reporting==4.0.0',
    'behave==1.3.3',
    'robotframework==7.5',
  ],
};
const version = 'pytest --version';
/** A shell line that prints the version of a package. */
const versionOf = (name: string) => `pip show ${name} | sed -n 's/^Version: /${name} /p'`;
const shop = `
import pytest
def test_adds(): pass
def test_pays(): assert 1 == 2, "no cart"
@pytest.fixture
def database(): raise RuntimeError("no database")
def test_stores(database): pass
@pytest.mark.skip(reason="no polaris")
def test_skipped(): pass
@pytest.mark.xfail(reason="known")
def test_known(): assert 0
class TestNames:
    def test_adds(self): pass
`;
const flaky = `
import os, pathlib
def test_flaky():
    mark = pathlib.Path("ran"); first = not mark.exists(); mark.touch()
    assert not first, "the first run fails"
def test_red(): assert 0, "always"
def test_green(): pass
`;
const behaveSteps = `
from behave import given, then
@given("a cart")
def step(context): pass
@then("it is empty")
def step(context): pass
@then("it is full")
def step(context): assert False, "the cart is empty"
`;

export const pythonRecordings: Recording[] = [
  {
    id: 'pytest',
    tool: 'pytest',
    version,
    packages,
    files: { 'test_shop.py': shop },
    command: 'pytest -v --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-xdist',
    tool: 'pytest, pytest-xdist',
    version: `${version} && ${versionOf('pytest-xdist')}`,
    packages,
    files: { 'test_shop.py': shop },
    command: 'pytest -v -n 2 --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-subtests',
    tool: 'pytest, subtests',
    version,
    packages,
    files: {
      'test_sub.py':
        'def test_all(subtests):\n    for i in range(3):\n        with subtests.test(msg="row", i=i):\n            assert i != 1, "row 1"\ndef test_other(): pass\n',
    },
    command: 'pytest -v --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-rerunfailures',
    tool: 'pytest, pytest-rerunfailures',
    version: `${version} && ${versionOf('pytest-rerunfailures')}`,
    packages,
    files: { 'test_flaky.py': flaky },
    command: 'pytest -v --reruns 2 --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-cannot-collect',
    tool: 'pytest',
    version,
    packages,
    files: { 'test_a.py': 'import nosuchmodule\n', 'test_b.py': 'def test_b(): pass\n' },
    command: 'pytest -v --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-unknown-option',
    tool: 'pytest',
    version,
    packages,
    files: { 'test_b.py': 'def test_b(): pass\n' },
    command: 'pytest --no-such-option --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-broken-conftest',
    tool: 'pytest',
    version,
    packages,
    files: { 'conftest.py': 'import nosuchmodule\n', 'test_b.py': 'def test_b(): pass\n' },
    command: 'pytest -v --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-no-tests',
    tool: 'pytest',
    version,
    packages,
    files: { 'test_b.py': 'def helper(): pass\n' },
    command: 'pytest -v',
  },
  {
    id: 'pytest-internal-error',
    tool: 'pytest',
    version,
    packages,
    files: {
      'conftest.py': 'def pytest_runtestloop(session): raise RuntimeError("broken plugin")\n',
      'test_b.py': 'def test_b(): pass\n',
    },
    command: 'pytest -v',
  },
  {
    id: 'pytest-report-elsewhere',
    tool: 'pytest',
    version,
    packages,
    files: { 'test_b.py': 'def test_b(): pass\n' },
    command: 'pytest -v --junitxml=report.xml',
  },
  {
    id: 'pytest-killed',
    tool: 'pytest',
    version,
    packages,
    files: {
      'test_b.py':
        'import os, signal, time\ndef test_a(): pass\ndef test_hangs(): os.kill(os.getpid(), signal.SIGKILL)\ndef test_c(): pass\n',
    },
    command: 'pytest -v --junitxml=$R/junit.xml',
  },
  {
    id: 'timeout',
    tool: 'timeout',
    version: 'timeout --version | head -1',
    packages,
    files: { 'test_b.py': 'import time\ndef test_a(): pass\ndef test_hangs(): time.sleep(60)\n' },
    command: 'timeout 3 pytest -v --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-xdist-crash',
    tool: 'pytest, pytest-xdist',
    version: `${version} && ${versionOf('pytest-xdist')}`,
    packages,
    files: { 'test_b.py': 'import os\ndef test_a(): pass\ndef test_dies(): os._exit(3)\ndef test_c(): pass\n' },
    command: 'pytest -v -n 1 --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-teardown',
    tool: 'pytest',
    version,
    packages,
    files: {
      'test_b.py': `
import pytest
@pytest.fixture
def database():
    yield
    raise RuntimeError("the database is still in use")
def test_stores(database): pass
def test_pays(database): assert 0, "no cart"
@pytest.mark.xfail(strict=True, reason="known")
def test_known(): pass
`,
    },
    command: 'pytest -v --junitxml=$R/junit.xml',
  },
  {
    id: 'pytest-json-ctrf',
    tool: 'pytest-json-ctrf (CTRF)',
    version: versionOf('pytest-json-ctrf'),
    packages,
    files: { 'test_shop.py': shop },
    command: 'pytest --ctrf $R/ctrf.json',
  },
  {
    id: 'pytest-nunit',
    tool: 'pytest, pytest-nunit (NUnit 3)',
    version: `${versionOf('pytest')}; ${versionOf('pytest-nunit')}`,
    packages,
    files: { 'test_shop.py': shop },
    command: 'pytest -v --nunit-xml=$R/nunit.xml',
  },
  {
    id: 'unittest-xml-reporting',
    tool: 'unittest-xml-reporting',
    packages,
    version: versionOf('unittest-xml-reporting'),
    files: {
      'test_shop.py': `
import unittest
class Shop(unittest.TestCase):
    def test_adds(self): pass
    def test_pays(self): self.assertEqual(1, 2, "no cart")
    def test_stores(self): raise RuntimeError("no database")
    @unittest.skip("no polaris")
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_known(self): self.fail("known")
    def test_rows(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
class Broken(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise RuntimeError("no cluster")
    def test_one(self): pass
`,
    },
    command: 'python -m xmlrunner discover -o $R',
  },
  {
    id: 'unittest-no-tests',
    tool: 'unittest-xml-reporting',
    packages,
    version: `${versionOf('unittest-xml-reporting')}; python --version`,
    files: { 'test_shop.py': 'def helper(): pass\n' },
    command: 'python -m unittest discover -v',
  },
  {
    id: 'behave-cannot-load',
    tool: 'behave',
    version: 'behave --version',
    packages,
    files: {
      'features/cart.feature': 'Feature: cart\n  Scenario: empty\n    Given a cart\n',
      'features/steps/cart.py': 'import nosuchmodule\n',
    },
    command: 'behave --junit --junit-directory $R',
  },
  {
    id: 'behave',
    tool: 'behave',
    version: 'behave --version',
    packages,
    files: {
      'features/cart.feature':
        'Feature: cart\n  Scenario: empty\n    Given a cart\n    Then it is empty\n  Scenario: full\n    Given a cart\n    Then it is full\n  Scenario: unknown\n    Given a cart\n    Then it flies\n  @skip\n  Scenario: left out\n    Given a cart\n  Scenario Outline: rows\n    Given a cart\n    Then it is <what>\n    Examples:\n      | what |\n      | empty |\n      | full |\n',
      'features/steps/cart.py': behaveSteps,
    },
    command: 'behave --junit --junit-directory $R --tags="not @skip"',
  },
  {
    id: 'robot-xunit',
    tool: 'Robot Framework, --xunit',
    version: 'robot --version | cut -d" " -f 1-3',
    packages,
    files: { 'shop.robot': robot() },
    command: 'robot --outputdir $R --xunit xunit.xml shop.robot',
  },
  {
    id: 'robot-output',
    tool: 'Robot Framework (output.xml)',
    version: 'robot --version | cut -d" " -f 1-3',
    packages,
    files: { 'shop.robot': robot() },
    command: 'robot --outputdir $R --log NONE --report NONE shop.robot',
  },
  {
    id: 'robot-no-data',
    tool: 'Robot Framework, --xunit',
    version: 'robot --version | cut -d" " -f 1-3',
    packages,
    files: { 'shop.robot': robot() },
    command: 'robot --outputdir $R --xunit xunit.xml tests/',
  },
  {
    id: 'robot-suite-teardown',
    tool: 'Robot Framework (output.xml)',
    version: 'robot --version | cut -d" " -f 1-3',
    packages,
    files: {
      'shop.robot':
        '*** Settings ***\nSuite Teardown    Fail    orders are left\n\n*** Test Cases ***\nAdds\n    Log    fine\nPays\n    Log    fine\n',
    },
    command: 'robot --outputdir $R --log NONE --report NONE shop.robot',
  },
];

function robot(): string {
  return `*** Test Cases ***
Adds
    Log    fine
Pays
    Fail    no cart
Skipped
    Skip    no polaris
Retries
    Run Keyword And Ignore Error    Fail    inner
    Log    went on
`;
}
