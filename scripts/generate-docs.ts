/**
 * Writes what users read about inputs and outputs from the one schema: all of action.yml, the tables between the marks in
 * README.md and docs/reference.md, the values in the chart's README, the JSON Schemas of `.k8s-test.yaml` and `result.json`,
 * and the module with style and script of report.html. With `--check` it writes nothing, and its exit status shows whether all
 * are current.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { outputDocs } from '../src/action/outputs.ts';
import { inputDocs, inputGroups } from '../src/inputs/input-docs.ts';
import { inputNames } from '../src/inputs/schema.ts';
import { renderChartValues } from './generate/chart-values.ts';
import { projectFileSchema, resultFileSchema } from './generate/json-schemas.ts';
import { renderReportPage } from './generate/report-page.ts';

const root = new URL('../', import.meta.url);

function describeInput(name: (typeof inputNames)[number]): string {
  const { description, default: value } = inputDocs[name];
  return value === '' ? description : `${description}. Default: ${value}`;
}

function renderActionYml(): string {
  const entry = (name: string, description: string) => [
    `  ${name}:`,
    `    description: ${JSON.stringify(description)}`,
    // Only GitHub knows it.
    ...(name === 'leg'
      ? [`    default: '{"matrix": \${{ toJSON(matrix) }}, "legs": "\${{ strategy.job-total }}"}'`]
      : []),
  ];
  return `${[
    '# Written by "npm run generate" from src/inputs/schema.ts and src/action/outputs.ts.',
    '# Inputs have no default here: it would override the project file .k8s-test.yaml. The exception is what only GitHub knows.',
    'name: Test in Kubernetes',
    'description: Runs integration and end-to-end tests inside Kubernetes and returns results you can trust',
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

const cell = (text: string) => text.replaceAll('|', '\\|');
/** `<` would begin a tag; within code it is text already. */
const prose = (text: string) =>
  cell(text)
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll('<', '&lt;')))
    .join('');

/** The inputs that most workflows need; all of them are in docs/reference.md. */
const mainInputs: (typeof inputNames)[number][] = [
  ...(['tier', 'image', 'build', 'chart', 'values', 'profile', 'command', 'args'] as const),
  ...(['env', 'secrets', 'timeout', 'keep'] as const),
];

function renderReadme(readme: string): string {
  const rows = mainInputs.map((name) => `| \`${name}\` | ${prose(inputDocs[name].description)} |`);
  return between('README.md', readme, 'inputs', ['| input | meaning |', '|---|---|', ...rows]);
}

function renderReference(reference: string): string {
  const groups = Object.entries(inputGroups).flatMap(([group, title]) => [
    `### ${title}`,
    '',
    '| input | default | meaning | example |',
    '|---|---|---|---|',
    ...inputNames
      .filter((name) => inputDocs[name].group === group)
      .map((name) => {
        const { default: value, description, example } = inputDocs[name];
        const shown = value === '' ? '' : `\`${cell(value)}\``;
        return `| \`${name}\` | ${shown} | ${prose(description)} | \`${cell(example)}\` |`;
      }),
    '',
  ]);
  const outputs = Object.entries(outputDocs).map(([name, text]) => `| \`${name}\` | ${prose(text)} |`);
  const withInputs = between('docs/reference.md', reference, 'inputs', ['', ...groups]);
  return between('docs/reference.md', withInputs, 'outputs', ['| output | meaning |', '|---|---|', ...outputs]);
}

function between(file: string, text: string, mark: string, lines: string[]): string {
  const [begin, end] = [`<!-- ${mark}: begin -->`, `<!-- ${mark}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${file} lacks the marks ${begin} and ${end}`);
  return `${text.slice(0, from + begin.length)}\n${lines.join('\n')}\n${text.slice(to)}`;
}

function renderChartReadme(): string {
  const name = 'charts/floe-platform/README.md';
  return between(name, read(name), 'values', renderChartValues(read('charts/floe-platform/values.yaml')));
}

const read = (name: string) => readFileSync(new URL(name, root), 'utf8');
const files = {
  'action.yml': renderActionYml(),
  'README.md': renderReadme(read('README.md')),
  'docs/reference.md': renderReference(read('docs/reference.md')),
  'charts/floe-platform/README.md': renderChartReadme(),
  'schemas/k8s-test.schema.json': `${JSON.stringify(projectFileSchema(), undefined, 2)}\n`,
  'src/report/report-page.ts': renderReportPage(),
  'schemas/result.schema.json': `${JSON.stringify(resultFileSchema(), undefined, 2)}\n`,
};
for (const [name, text] of Object.entries(files)) {
  const file = new URL(name, root);
  if (process.argv.includes('--check')) {
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    process.stderr.write(`${name} is not current: run "npm run generate"\n`);
    process.exitCode = 1;
  } else writeFileSync(file, text);
}
