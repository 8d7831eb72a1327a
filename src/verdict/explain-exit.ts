/** What the exit code of a test tool means, and what to do about it, each tool by its own rules. */

/** What is known of the tool that ran the tests. */
export interface ToolFacts {
  /** As `docs/reports.md` names it; undefined where nothing shows it. */
  tool: string | undefined;
  /** Whether the command runs its tests by timeout(1). */
  hasTimeout: boolean;
  /** Why it ended as it did, in its own words. */
  said: readonly string[];
  /** Reports that it wrote outside of the directories that are read. */
  reportsElsewhere: readonly string[];
  /** What is in `results-path` in place of a JUnit report: `TestResult.trx, a TRX report of .NET`. */
  nearMisses: readonly { file: string; what: string; isReadable: boolean }[];
  lastLines: readonly string[];
}

/** https://docs.pytest.org/en/stable/reference/exit-codes.html */
const pytestCodes: Record<number, string> = {
  1: 'tests failed',
  2: 'interrupted, or a file that cannot be collected',
  3: 'an internal error',
  4: 'a usage error',
  5: 'no tests were collected',
};
/** https://docs.rs/nextest-metadata: NextestExitCode */
const nextestCodes: Record<number, string> = {
  4: 'no tests to run',
  96: 'a wrong configuration',
  100: 'tests failed',
  101: 'the build failed',
};
const codes: Record<string, Record<number, string>> = {
  pytest: pytestCodes,
  'cargo-nextest': nextestCodes,
  'go test': { 1: 'tests failed or a build failed', 2: 'it could not be built or run' },
  // https://onsi.github.io/ginkgo/#focused-specs
  ginkgo: { 197: 'a spec is focused' },
  // https://docs.python.org/3/library/unittest.html#unittest.main
  unittest: { 5: 'no tests were run' },
  PHPUnit: { 1: 'a test failed, or warned where that is not allowed', 2: 'a test threw, or PHPUnit itself failed' },
  // https://cmake.org/cmake/help/latest/manual/ctest.1.html: its output after "Errors while running CTest"
  CTest: { 8: 'tests failed' },
  Jasmine: { 2: 'nothing failed, but not all ran', 3: 'tests failed' },
  'Robot Framework': {
    251: 'help was printed',
    252: 'invalid data or a wrong command line',
    253: 'interrupted',
    255: 'an internal error',
  },
};
/** As shells and timeout(1) have them. */
const shellCodes: Record<number, string> = {
  126: 'the command cannot be executed',
  127: 'the command was not found',
};

/**
 * What an exit code means where its tool is known, such as `pytest: a usage error`; undefined for codes without a more specific
 * meaning.
 */
export function nameExitCode(
  exitCode: number,
  facts: Pick<ToolFacts, 'tool' | 'hasTimeout' | 'said'> | undefined,
): string | undefined {
  const { tool, hasTimeout = false, said = [] } = facts ?? {};
  if (exitCode === 124 && hasTimeout) return 'timeout: its time was up';
  const own = tool === undefined ? undefined : codes[tool]?.[exitCode];
  if (own !== undefined) return `${tool}: ${own}`;
  const countsTo = countingTools[tool ?? ''] ?? 0;
  // A tool that could not start prints the reason, and its exit code is no count.
  if (exitCode > 0 && exitCode <= countsTo && said.length === 0)
    return `${tool}: ${exitCode} failed ${exitCode === 1 ? 'test' : 'tests'}`;
  return shellCodes[exitCode] ?? (exitCode === 124 ? 'what timeout(1) ends with when its time is up' : undefined);
}

const noTestsCodes: Record<string, number> = { pytest: 5, unittest: 5, 'cargo-nextest': 4 };

/** Whether the tool reports, by its exit code or in its output, that there were no tests. */
export function saysNoTests(exitCode: number, facts: Pick<ToolFacts, 'tool' | 'said'> | undefined): boolean {
  const { tool, said = [] } = facts ?? {};
  if (tool === undefined || exitCode === 0) return false;
  return (
    noTestsCodes[tool] === exitCode ||
    said.some((line) => /^(?:[Ee]rror: )?No (?:tests?|specs|test modules) (?:files )?found\b/.test(line))
  );
}

/** Exit codes by which a tool reports failed tests, where that is not 1. */
const failedCodes: Record<string, number> = { 'cargo-nextest': 100 };
/** Tools whose exit code is the number of failed tests, up to a limit. */
const countingTools: Record<string, number> = { mocha: 255, Cypress: 255, 'Robot Framework': 249 };

/**
 * Whether an exit code only means that these tests failed. Any other reason that the tool prints for its end (a coverage
 * threshold, a file that cannot be loaded) makes this false, unless the tests themselves have printed it.
 */
export function saysOnlyFailed(
  exitCode: number,
  failed: readonly { message: string; details: string }[],
  facts: Pick<ToolFacts, 'tool' | 'said'> | undefined,
): boolean {
  if (failed.length === 0) return false;
  const { tool = '', said = [] } = facts ?? {};
  const isOfTests = (line: string) => failed.some((one) => one.message.includes(line) || one.details.includes(line));
  if (said.some((line) => !onlyFailures.test(line) && !isOfTests(line))) return false;
  const limit = countingTools[tool];
  return exitCode === (limit === undefined ? (failedCodes[tool] ?? 1) : Math.min(failed.length, limit));
}

/** How each tool writes a JUnit report to `results-path`. */
function howToReport(tool: string | undefined, resultsPath: string): string {
  const file = `${resultsPath}/junit.xml`;
  const ways: Record<string, string> = {
    pytest: `pytest --junitxml=${file}`,
    jest: `jest --reporters=default --reporters=jest-junit with JEST_JUNIT_OUTPUT_DIR=${resultsPath}`,
    vitest: `vitest run --reporter=default --reporter=junit --outputFile.junit=${file}`,
    Cypress: `cypress run --reporter junit --reporter-options mochaFile=${resultsPath}/[hash].xml`,
    unittest: `python -m xmlrunner discover -o ${resultsPath}`,
    mocha: `mocha --reporter xunit --reporter-options output=${file}`,
    playwright: `playwright test --reporter=list,junit with PLAYWRIGHT_JUNIT_OUTPUT_FILE=${file}`,
    'node --test': `node --test --test-reporter=junit --test-reporter-destination=${file}`,
    'go test': `gotestsum --junitfile ${file} ./...`,
    ginkgo: `ginkgo --junit-report junit.xml --output-dir ${resultsPath}`,
    'cargo-nextest': `the setting junit.path of a nextest profile, copied to ${resultsPath}`,
    Maven: `cp target/surefire-reports/*.xml ${resultsPath}/ after mvn`,
    Gradle: `cp build/test-results/test/*.xml ${resultsPath}/ after gradle`,
    PHPUnit: `phpunit --log-junit ${file}`,
    RSpec: `rspec --format RspecJunitFormatter --out ${file}`,
    'Robot Framework': `robot --outputdir ${resultsPath} --xunit junit.xml`,
    bats: `bats --report-formatter junit --output ${resultsPath}`,
    'bun test': `bun test --reporter=junit --reporter-outfile=${file}`,
    'deno test': `deno test --junit-path=${file}`,
    CTest: `ctest --output-junit ${file}`,
    newman: `newman run --reporters cli,junit --reporter-junit-export ${file}`,
    'cucumber-js': `cucumber-js --format progress --format junit:${file}`,
    Jasmine: `the JUnitXmlReporter of jasmine-reporters with savePath ${resultsPath}`,
    nose2: `nose2 --plugin nose2.plugins.junitxml --junit-xml --junit-xml-path ${file}`,
    behave: `behave --junit --junit-directory ${resultsPath}`,
  };
  return ways[tool ?? ''] ?? `pytest --junitxml=${file}`;
}

/** Whether the tests ended because the time of a timeout(1) in their command was up. */
export function wasTimeout(exitCode: number, facts: ToolFacts | undefined): boolean {
  return exitCode === 124 && facts?.hasTimeout === true;
}

/** The last message of the tool, in words that follow a sentence; empty where there is none. */
export function describeToolOutput(facts: ToolFacts | undefined): string {
  const [said] = facts?.said ?? [];
  return said === undefined ? '' : `: ${said}`;
}

/** The message of Maven and Gradle when tests failed, without any other reason. */
const onlyFailures = /There are test failures|There were failing tests/;

/** What to do about the tool's message; undefined where there is none. */
export function hintSaid(facts: ToolFacts | undefined): string | undefined {
  const [said] = facts?.said ?? [];
  if (said === undefined || onlyFailures.test(said)) return undefined;
  if (/Programmatic Focus/.test(said))
    return 'Remove the F of FIt, FDescribe and the like: a focused suite leaves its other tests out.';
  if (/^Tests: \d+, Assertions: /.test(said))
    return 'PHPUnit is configured to fail on what it counts here, as with --fail-on-warning: its log names the tests.';
  if (/coverage/i.test(said)) return 'Let the tests cover more, or lower the threshold.';
  if (/failed to run|Failed suite|Cannot find|No module|while loading|(build|setup) failed/.test(said))
    return 'Fix what could not be loaded or built: the file, or what the image lacks. Its tests did not run.';
  return 'The tests did not run to their end: look at what the tool says, and at the end of its log.';
}

/** The end of the log as one block of evidence, after the tool's own message. */
export function showLog(facts: ToolFacts | undefined): string[] {
  if (facts === undefined) return [];
  const end = facts.lastLines.length === 0 ? [] : [`the log ends with:\n${facts.lastLines.join('\n')}`];
  return [...facts.said.slice(1), ...end];
}

/** What to do about a missing report. */
export function hintNoReport(exitCode: number, facts: ToolFacts | undefined, resultsPath: string): string {
  const [near] = facts?.nearMisses ?? [];
  const [elsewhere] = facts?.reportsElsewhere ?? [];
  if (exitCode === 127 || exitCode === 126) return 'The command was not found in the image: check command and args.';
  if (elsewhere !== undefined) return `Let the tests write it to ${resultsPath}, or set results-path to its directory.`;
  if (near?.isReadable === true)
    return `Name it in the input junit, such as junit: '**/*${near.file.slice(near.file.lastIndexOf('.'))}'.`;
  const said = exitCode === 0 ? undefined : hintSaid(facts);
  if (said !== undefined) return said;
  return `Let the tests write one, as with ${howToReport(facts?.tool, resultsPath)}, or set junit and results-path.`;
}

/**
 * The file that exists in place of a report, in words that follow a sentence: `; there is TestResult.trx, a TRX report of
 * .NET`.
 */
export function describeNearMisses(facts: ToolFacts | undefined): string {
  const [elsewhere] = facts?.reportsElsewhere ?? [];
  if (elsewhere !== undefined) return `; the tests wrote ${elsewhere}`;
  const near = facts?.nearMisses ?? [];
  if (near.length === 0) return '';
  const names = near.slice(0, 3).map(({ file, what }) => `${file}, ${what}`);
  return `; there is ${names.join('; ')}${near.length > 3 ? '; …' : ''}`;
}
