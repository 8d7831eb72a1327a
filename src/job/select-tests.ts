/** How a tool is made to run only some tests. Decides; does nothing else. */
import type { TestCase } from '../core/outcome.ts';

type NamedTest = Pick<TestCase, 'classname' | 'name'>;

/** What an alternation of names may have in a command line. */
const maxPatternChars = 60_000;
const placeholder = '{tests}';

/** Arguments after which a tool takes a pattern of names; the command itself must be that tool's, and no script. */
const toolOptions: { program: RegExp; words: (pattern: string) => string[]; nameOf: (test: NamedTest) => string }[] = [
  { program: /^jest$/, words: (pattern) => ['-t', `${pattern}$`], nameOf: ({ name }) => name },
  { program: /^vitest$/, words: (pattern) => ['-t', `${anyVitest(pattern)}$`], nameOf: ({ name }) => name },
  {
    program: /^playwright$/,
    words: (pattern) => ['--grep', `${pattern}$`],
    nameOf: ({ name }) => name.replaceAll(' › ', ' '),
  },
  { program: /^(?:go|gotestsum)$/, words: (pattern) => ['-run', `^${pattern}$`], nameOf: goTest },
];

/** Commands that only start another program. */
const starters: ReadonlySet<string> = new Set(['npx', 'exec', 'env', 'pnpm', 'yarn', 'uv', 'run', 'test', '--']);

/**
 * The command with these tests selected by the tool's own option, where its program is known: jest, vitest, Playwright, go
 * test, gotestsum. pytest gets them from the test helper, any other tool by a template. Undefined for a script, and for too
 * many tests.
 */
export function selectByTool(
  { command, args = [] }: { command: readonly string[]; args?: readonly string[] },
  tests: readonly NamedTest[],
): { command: string[]; args: string[] } | undefined {
  const words = [...command, ...args];
  const program = words.find((word) => !starters.has(word) && !word.startsWith('-'));
  const tool = toolOptions.find((one) => one.program.test(program?.replace(/^.*\//, '') ?? ''));
  const pattern = tool === undefined ? undefined : patternOf(tests.map(tool.nameOf));
  if (tool === undefined || pattern === undefined) return undefined;
  const selection = tool.words(pattern);
  return args.length === 0
    ? { command: [...command, ...selection], args: [] }
    : { command: [...command], args: [...args, ...selection] };
}

/**
 * A template with an alternation of the names of these tests in place of `{tests}`: `(test_a|test_b)`, each name escaped for
 * regular expressions. Undefined for too many tests.
 */
export function fillTemplate(template: readonly string[], tests: readonly NamedTest[]): string[] | undefined {
  const isGo = template.some((word) => /(?:^|\/|\s)(?:go\s+test|gotestsum)\b/.test(word) || word === 'go');
  const pattern = patternOf(tests.map(isGo ? goTest : ({ name }) => name));
  if (pattern === undefined) return undefined;
  const fitting = template.some((word) => /\bvitest\b/.test(word)) ? anyVitest(pattern) : pattern;
  return template.map((word) => word.replaceAll(placeholder, () => fitting));
}

/** Before version 5, `-t` takes the blocks around a test and its name with a space in between, and from then on as reports do. */
function anyVitest(pattern: string): string {
  return pattern.replaceAll(' > ', ' (?:> )?');
}

/** `-run` takes the pattern apart at slashes: of a subtest the test around it runs again. */
function goTest({ name }: NamedTest): string {
  return name.split('/', 1)[0] ?? name;
}

function patternOf(names: readonly string[]): string | undefined {
  const escaped = [...new Set(names)].map((name) => name.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`));
  const pattern = `(${escaped.join('|')})`;
  return pattern.length > maxPatternChars ? undefined : pattern;
}
