/**
 * Writes what is told of the inputs and outputs from the one schema: all of action.yml, and the tables between the marks
 * in README.md. With `--check` nothing is written; the exit status says whether all is current.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { outputDocs } from '../src/action/outputs.ts';
import { inputDocs, inputNames } from '../src/inputs/schema.ts';

const root = new URL('../', import.meta.url);

function describeInput(name: (typeof inputNames)[number]): string {
  const { description, default: value } = inputDocs[name];
  return value === '' ? description : `${description}. Default: ${value}`;
}

function renderActionYml(): string {
  const entry = (name: string, description: string) => [
    `  ${name}:`,
    `    description: ${JSON.stringify(description)}`,
    // What GitHub alone knows.
    ...(name === 'leg'
      ? [`    default: '{"matrix": \${{ toJSON(matrix) }}, "legs": "\${{ strategy.job-total }}"}'`]
      : []),
  ];
  return `${[
    '# Written by "npm run generate" from src/inputs/schema.ts and src/action/outputs.ts.',
    '# Inputs have no default here, since one would overrule the project file .k8s-test.yaml; but for what GitHub alone knows.',
    'name: Test in Kubernetes',
    'description: Runs integration and end-to-end tests inside Kubernetes and brings home results nobody has to doubt',
    'author: floe',
    'branding:',
    '  icon: check-square',
    '  color: blue',
    'inputs:',
    ...inputNames.flatMap((name) => entry(name, describeInput(name))),
    'outputs:',
    ...Object.entries(outputDocs).flatMap(([name, description]) => entry(name, description)),
    'runs:',
    '  using: node24',
    '  main: dist/action.js',
    '  post: dist/cleanup.js',
    '  post-if: always()',
  ].join('\n')}\n`;
}

function renderReadme(readme: string): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const inputs = inputNames.map(
    (name) => `| \`${name}\` | ${inputDocs[name].default} | ${cell(inputDocs[name].description)} |`,
  );
  const outputs = Object.entries(outputDocs).map(([name, description]) => `| \`${name}\` | ${cell(description)} |`);
  const withInputs = between(readme, 'inputs', ['| input | default | meaning |', '|---|---|---|', ...inputs]);
  return between(withInputs, 'outputs', ['| output | meaning |', '|---|---|', ...outputs]);
}

function between(text: string, mark: string, lines: string[]): string {
  const [begin, end] = [`<!-- ${mark}: begin -->`, `<!-- ${mark}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`README.md lacks the marks ${begin} and ${end}`);
  return `${text.slice(0, from + begin.length)}\n${lines.join('\n')}\n${text.slice(to)}`;
}

const readme = readFileSync(new URL('README.md', root), 'utf8');
const files = { 'action.yml': renderActionYml(), 'README.md': renderReadme(readme) };
for (const [name, text] of Object.entries(files)) {
  const file = new URL(name, root);
  if (process.argv.includes('--check')) {
    if (readFileSync(file, 'utf8') === text) continue;
    process.stderr.write(`${name} is not current: run "npm run generate"\n`);
    process.exitCode = 1;
  } else writeFileSync(file, text);
}
