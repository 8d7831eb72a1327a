/** Programs that run tests, with the names of their tools in `docs/reports.md`; `(?=…)` checks the words after them. */
const programs: [string, RegExp][] = [
  ['pytest', /(?:^|[\s/"'])(?:pytest|py\.test)(?=[\s"';|&)]|$)/],
  ['vitest', /(?:^|[\s/"'])vitest(?=[\s"';|&)]|$)/],
  ['jest', /(?:^|[\s/"'])jest(?:\.js)?(?=[\s"';|&)]|$)/],
  ['Cypress', /(?:^|[\s/"'])cypress\s+run(?=[\s"';|&)]|$)/],
  ['unittest', /\s-m\s+(?:unittest|xmlrunner)(?=[\s"';|&)]|$)/],
  ['mocha', /(?:^|[\s/"'])_?mocha(?:\.js)?(?=[\s"';|&)]|$)/],
  ['playwright', /(?:^|[\s/"'])playwright\s+test(?=[\s"';|&)]|$)/],
  ['node --test', /(?:^|[\s/"'])node\s(?:\S+\s){0,20}?--test(?=[\s"';|&)]|$)/],
  ['ginkgo', /(?:^|[\s/"'])ginkgo(?=[\s"';|&)]|$)/],
  ['go test', /(?:^|[\s/"'])(?:gotestsum|go\s+test)(?=[\s"';|&)]|$)/],
  ['cargo-nextest', /(?:^|[\s/"'])(?:cargo\s+nextest|cargo-nextest)(?=[\s"';|&)]|$)/],
  ['Maven', /(?:^|[\s/"'])mvnw?(?=[\s"';|&)]|$)/],
  ['Gradle', /(?:^|[\s/"'])gradlew?(?=[\s"';|&)]|$)/],
  ['PHPUnit', /(?:^|[\s/"'])phpunit(?=[\s"';|&)]|$)/],
  ['RSpec', /(?:^|[\s/"'])rspec(?=[\s"';|&)]|$)/],
  ['Robot Framework', /(?:^|[\s/"'])(?:robot|pabot)(?=[\s"';|&)]|$)/],
  ['bats', /(?:^|[\s/"'])bats(?=[\s"';|&)]|$)/],
  ['bun test', /(?:^|[\s/"'])bun\s+test(?=[\s"';|&)]|$)/],
  ['deno test', /(?:^|[\s/"'])deno\s+test(?=[\s"';|&)]|$)/],
  ['CTest', /(?:^|[\s/"'])ctest(?=[\s"';|&)]|$)/],
  ['newman', /(?:^|[\s/"'])newman\s+run(?=[\s"';|&)]|$)/],
  ['cucumber-js', /(?:^|[\s/"'])cucumber-js(?=[\s"';|&)]|$)/],
  ['Jasmine', /(?:^|[\s/"'])jasmine(?=[\s"';|&)]|$)/],
  ['nose2', /(?:^|[\s/"'])nose2(?=[\s"';|&)]|$)/],
  ['behave', /(?:^|[\s/"'])behave(?=[\s"';|&)]|$)/],
];
const timeoutProgram = /(?:^|[\s/"';|&(])timeout\s+(?:-\S+\s+(?:\S+\s+)?){0,5}\d[\d.]*[smhd]?\s/;
/** Longer commands are scripts; what runs tests is in their beginning, or the log shows it. */
const maxChars = 4000;

/** Which tool a command runs its tests by, as far as its words show, and whether by timeout(1). */
export function readCommand(words: readonly string[]): { tool: string | undefined; hasTimeout: boolean } {
  const line = words.join(' ').slice(0, maxChars);
  const tool = programs.find(([, pattern]) => pattern.test(line))?.[0];
  return { tool, hasTimeout: timeoutProgram.test(line) };
}
