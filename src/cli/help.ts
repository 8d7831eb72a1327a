/** What `--help` prints: one page of commands, and one page per command with its inputs by group. */
import { inputDocs, inputGroups } from '../inputs/input-docs.ts';
import { type InputName, inputNames } from '../inputs/schema.ts';
import { foldText } from './fold-text.ts';

/** The shells whose completion is printed. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** Columns of a terminal that everybody has. Help is no wider, since long lines are hard to read. */
const maxWidth = 80;

/** The titles under which the page of commands has them. */
const parts = { begin: 'Begin', run: 'Run tests', results: 'Read results', shell: 'Shell' } as const;

interface CommandDoc {
  part: keyof typeof parts;
  /** With its name it fits on one line of 80 columns. */
  summary: string;
  /** More about it, for its own page: sentences. */
  more?: string;
  usage: string;
  examples: [command: string, meaning: string][];
  /** Groups of inputs that the command reads. */
  groups: (keyof typeof inputGroups)[];
  /** Inputs that it reads of other groups. */
  others?: InputName[];
  /** What is printed on standard output with `--json`; absent where the command has no such flag. */
  json?: string;
}

const verdictJson = 'Print result.json on standard output and everything else on standard error';
const runGroups: CommandDoc['groups'] = ['tests', 'platform', 'cluster', 'images', 'results', 'publishing'];

/** Every command of the command line, in the order of the help page. */
export const commandDocs = {
  init: {
    part: 'begin',
    summary: 'write .k8s-test.yaml, a workflow and a test image',
    more: 'It looks at the repository in the working directory: its chart, Dockerfiles and tests. It says what it assumed, and changes no file that is there.',
    usage: 'k8s-test init',
    examples: [['k8s-test init', 'in the root of the repository']],
    groups: [],
    json: 'Print what was written and assumed as JSON on standard output',
  },
  doctor: {
    part: 'begin',
    summary: 'check that this machine meets the requirements',
    usage: 'k8s-test doctor [flags]',
    examples: [['k8s-test doctor --tier e2e', 'what the full platform needs']],
    groups: runGroups,
    json: 'Print the checks as JSON on standard output',
  },
  run: {
    part: 'run',
    summary: 'run the tests: cluster, platform, tests, results, cleanup',
    usage: 'k8s-test run [flags]',
    examples: [
      ['k8s-test run --tier e2e', 'the full platform on three nodes'],
      ['k8s-test run --image shop-tests:ci --keep failure', 'keep the cluster if a test fails'],
    ],
    groups: runGroups,
    json: verdictJson,
  },
  up: {
    part: 'run',
    summary: 'create a cluster with the platform and keep it',
    more: 'Run it again to deploy changes.',
    usage: 'k8s-test up [flags]',
    examples: [['k8s-test up --tier integration', 'then: k8s-test rerun']],
    groups: runGroups,
    json: verdictJson,
  },
  rerun: {
    part: 'run',
    summary: 'deploy what has changed to the kept cluster, and run tests there',
    more: '"k8s-test again" is the same.',
    usage: 'k8s-test rerun [tests] [flags] [-- arguments for the test command]',
    examples: [
      ['k8s-test rerun tests/integration/test_shop.py', 'one file'],
      ['k8s-test rerun -- tests/integration -k health', 'with options of pytest'],
    ],
    groups: runGroups,
    json: verdictJson,
  },
  down: {
    part: 'run',
    summary: 'remove clusters and files of kept or interrupted runs',
    usage: 'k8s-test down',
    examples: [],
    groups: [],
    json: 'Print what was removed as JSON on standard output',
  },
  report: {
    part: 'results',
    summary: 'combine all results below k8s-test-results/ into one summary',
    usage: 'k8s-test report [--legs DIRECTORY] [flags]',
    examples: [['k8s-test report --expect integration --expect e2e', 'fail if one of them is missing']],
    groups: ['roll-up'],
    others: ['results-dir'],
    json: verdictJson,
  },
  history: {
    part: 'results',
    summary: 'show what earlier results say: flaky tests, changes, times',
    usage: 'k8s-test history [directories]',
    examples: [['k8s-test history artifacts/', 'results of earlier runs, each in a directory of its own']],
    groups: [],
    json: 'Print the same as JSON on standard output',
  },
  completion: {
    part: 'shell',
    summary: 'print the completion of commands, flags and values',
    usage: `k8s-test completion <${shells.join('|')}>`,
    examples: [
      ['source <(k8s-test completion bash)', 'for this bash; in ~/.bashrc for every bash'],
      ['source <(k8s-test completion zsh)', 'for this zsh; in ~/.zshrc, behind compinit'],
      ['k8s-test completion fish > ~/.config/fish/completions/k8s-test.fish', 'for every fish'],
    ],
    groups: [],
  },
} satisfies Record<string, CommandDoc>;

export type CommandName = keyof typeof commandDocs;

/** The inputs that are flags of a command, in the order of its help page. */
export function inputsOf(name: CommandName): InputName[] {
  const { groups, others = [] }: CommandDoc = commandDocs[name];
  return [...groups.flatMap((group) => inputNames.filter((input) => inputDocs[input].group === group)), ...others];
}

/** Whether a command can print JSON. */
export function takesJson(name: CommandName): boolean {
  const { json }: CommandDoc = commandDocs[name];
  return json !== undefined;
}

/** The page that `k8s-test --help` prints. No line is longer than `columns`, nor than 80, except for a single longer word. */
export function renderHelp(columns = maxWidth): string {
  const { entry, fold } = layOut(columns);
  const commands = Object.entries(parts).flatMap(([part, title]) => [
    '',
    `${title}:`,
    ...Object.entries(commandDocs).flatMap(([name, doc]) => (doc.part === part ? entry(name, doc.summary, 12) : [])),
  ]);
  return [
    ...fold('k8s-test runs tests inside Kubernetes and returns results you can trust.'),
    '',
    'Usage: k8s-test <command> [flags]',
    ...commands,
    '',
    'Examples:',
    ...entry('k8s-test init', 'the files of a first run', 24),
    ...entry('k8s-test run', 'the run that a workflow makes', 24),
    ...entry('k8s-test run --help', 'the flags of one command', 24),
    ...entry('k8s-test --version', 'the version of this program', 24),
    '',
    ...fold(
      'Every input of the action is a flag. A flag that takes lines can be repeated. .k8s-test.yaml holds defaults for each tier, which flags override.',
    ),
  ].join('\n');
}

/** The page that `k8s-test COMMAND --help` prints. Its lines are as long as those of {@link renderHelp}. */
export function renderCommandHelp(name: CommandName, columns = maxWidth): string {
  const { entry, fold } = layOut(columns);
  const { summary, more, usage, examples, groups, others = [], json }: CommandDoc = commandDocs[name];
  const describeFlag = (input: InputName) => {
    const { description, default: value } = inputDocs[input];
    const text = `${description}${value === '' ? '' : `. Default: ${value}`}`.replaceAll('`', '');
    return entry(`--${input}`, text, 20);
  };
  const list = (title: string, inputs: InputName[]) =>
    inputs.length === 0 ? [] : ['', `${title}:`, ...inputs.flatMap(describeFlag)];
  const shown = examples.flatMap(([command, meaning]) => [`  ${command}`, ...fold(meaning, '      ')]);
  return [
    ...fold(`${capitalize(summary)}.${more === undefined ? '' : ` ${more}`}`),
    '',
    `Usage: ${usage}`,
    ...(shown.length === 0 ? [] : ['', 'Examples:', ...shown]),
    ...(json === undefined ? [] : ['', 'Output:', ...entry('--json', json, 20)]),
    ...groups.flatMap((group) =>
      list(
        inputGroups[group],
        inputNames.filter((input) => inputDocs[input].group === group),
      ),
    ),
    ...list('Results', others),
  ].join('\n');
}

function layOut(columns: number) {
  const width = Math.min(maxWidth, columns);
  const fold = (text: string, margin = '') => foldText(text, width, margin);
  /** A term, and its meaning in a column of its own that begins `indent` columns after the margin; below it on a narrow terminal. */
  const entry = (term: string, text: string, indent: number) => {
    const margin = ' '.repeat(width < 2.5 * indent ? 6 : indent + 2);
    const lines = fold(text, margin);
    const head = `  ${term}`;
    if (head.length + 1 > margin.length) return [head, ...lines];
    return [head.padEnd(margin.length) + lines[0]?.trimStart(), ...lines.slice(1)];
  };
  return { fold, entry };
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
