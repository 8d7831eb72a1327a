/** What `--help` prints: one page of commands, and one page per command with its inputs by group. */
import { inputDocs, inputGroups } from '../inputs/input-docs.ts';
import { type InputName, inputNames } from '../inputs/schema.ts';

/** The shells whose completion is printed. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** Width of a terminal that everybody has, in columns. */
const width = 80;

interface CommandDoc {
  summary: string;
  usage: string;
  examples: [command: string, meaning: string][];
  /** Groups of inputs that the command reads. */
  groups: (keyof typeof inputGroups)[];
  /** What is printed on standard output with `--json`; absent where the command has no such flag. */
  json?: string;
}

const verdictJson = 'Print result.json on standard output and everything else on standard error';
const runGroups: CommandDoc['groups'] = ['tests', 'platform', 'cluster', 'images', 'results'];

/** Every command of the command line, in the order of the help page. */
export const commandDocs = {
  init: {
    summary: 'write .k8s-test.yaml, a workflow and a test image for this repository',
    usage: 'k8s-test init',
    examples: [['k8s-test init', 'in the root of the repository; changes no file that is there']],
    groups: [],
    json: 'Print what was written and assumed as JSON on standard output',
  },
  run: {
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
    summary: 'create a cluster with the platform and keep it; run it again to deploy changes',
    usage: 'k8s-test up [flags]',
    examples: [['k8s-test up --tier integration', 'then: k8s-test rerun']],
    groups: runGroups,
    json: verdictJson,
  },
  rerun: {
    summary: 'run tests in the kept cluster, after deploying what has changed (also: again)',
    usage: 'k8s-test rerun [tests] [flags] [-- arguments for the test command]',
    examples: [
      ['k8s-test rerun tests/integration/test_shop.py', 'one file'],
      ['k8s-test rerun -- tests/integration -k health', 'with options of pytest'],
    ],
    groups: runGroups,
    json: verdictJson,
  },
  report: {
    summary: 'combine all results below k8s-test-results/ into one summary',
    usage: 'k8s-test report [--legs DIRECTORY] [flags]',
    examples: [['k8s-test report --expect integration --expect e2e', 'fail if one of them is missing']],
    groups: ['roll-up', 'results'],
    json: verdictJson,
  },
  history: {
    summary: 'show what earlier results say: flaky tests, changes, times, memory',
    usage: 'k8s-test history [directories]',
    examples: [['k8s-test history artifacts/', 'results of earlier runs, each in a directory of its own']],
    groups: [],
    json: 'Print the same as JSON on standard output',
  },
  doctor: {
    summary: 'check that this machine meets the requirements',
    usage: 'k8s-test doctor [flags]',
    examples: [['k8s-test doctor --tier e2e', 'what the full platform needs']],
    groups: runGroups,
    json: 'Print the checks as JSON on standard output',
  },
  down: {
    summary: 'remove clusters and files of kept or interrupted runs',
    usage: 'k8s-test down',
    examples: [],
    groups: [],
    json: 'Print what was removed as JSON on standard output',
  },
  completion: {
    summary: 'print the completion of commands, flags and values for a shell',
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
  const { groups }: CommandDoc = commandDocs[name];
  return groups.flatMap((group) => inputNames.filter((input) => inputDocs[input].group === group));
}

/** Whether a command can print JSON. */
export function takesJson(name: CommandName): boolean {
  const { json }: CommandDoc = commandDocs[name];
  return json !== undefined;
}

/** The page that `k8s-test --help` prints, at most 80 columns wide. */
export function renderHelp(): string {
  const commands = Object.entries(commandDocs).map(([name, { summary }]) => entry(name, summary, 10));
  return [
    'k8s-test runs tests inside Kubernetes and returns results you can trust.',
    '',
    'Usage: k8s-test <command> [flags]',
    '',
    ...commands.flat(),
    '',
    'Help for one command, with its flags:  k8s-test <command> --help',
    'The version of this program:           k8s-test --version',
    '',
    'Every input of the action is a flag. A flag that takes lines can be repeated.',
    '.k8s-test.yaml in the working directory holds defaults per tier; flags override',
    'it.',
  ].join('\n');
}

/** The page that `k8s-test COMMAND --help` prints, at most 80 columns wide. */
export function renderCommandHelp(name: CommandName): string {
  const { summary, usage, examples, groups, json }: CommandDoc = commandDocs[name];
  const flags = groups.flatMap((group) => [
    '',
    `${inputGroups[group]}:`,
    ...inputNames.filter((input) => inputDocs[input].group === group).flatMap(describeFlag),
  ]);
  const shown = examples.flatMap(([command, meaning]) => [`  ${command}`, `      ${meaning}`]);
  return [
    ...wrap(`${capitalize(summary)}.`, ''),
    '',
    `Usage: ${usage}`,
    ...(shown.length === 0 ? [] : ['', 'Examples:', ...shown]),
    ...(json === undefined ? [] : ['', 'Output:', ...entry('--json', json, 20)]),
    ...flags,
  ].join('\n');
}

function describeFlag(input: InputName): string[] {
  const { description, default: value } = inputDocs[input];
  const text = `${description}${value === '' ? '' : `. Default: ${value}`}`.replaceAll('`', '');
  return entry(`--${input}`, text, 20);
}

/** A term, and its meaning in a column of its own that begins `indent` columns after the margin. */
function entry(term: string, text: string, indent: number): string[] {
  const margin = ' '.repeat(indent + 2);
  const lines = wrap(text, margin);
  const head = `  ${term}`;
  if (head.length + 1 > margin.length) return [head, ...lines];
  return [head.padEnd(margin.length) + lines[0]?.trimStart(), ...lines.slice(1)];
}

function wrap(text: string, margin: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) lines.push(margin + word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
