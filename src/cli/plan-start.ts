/** From the content of a repository to the files that `init` writes, and the assumptions made. Pure. */
import type { FoundChart, Repository, TestTool } from './inspect-repository.ts';

/** What the chart of a repository makes when it is rendered; undefined where it cannot be. */
export interface RenderedStart {
  images: string[];
  /** Address of an HTTP-like port of its first Service, as `http://shop:8080`. */
  address?: string;
}

/** What `init` is about to do. */
export interface StartPlan {
  /** Content by path, relative to the root of the repository. */
  files: Record<string, string>;
  /** Assumptions that the user did not state, one line each. */
  assumptions: string[];
  /** Shell commands that build the images of the product, in their order. */
  builds: string[];
}

const schemaAddress = 'https://raw.githubusercontent.com/floe/k8s-test-action/v1/schemas/k8s-test.schema.json';
const checkout = 'actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2';
/** Initial versions in the written files; later the repository maintains them. */
const versions = { python: '3.11', pytest: '9.2.0', go: '1.26', gotestsum: '1.13.0', node: '24' };
const testImage = 'tests/Dockerfile';

/** How each tool is run in its image. The default of pytest is that of the action. */
const commands: Record<Exclude<TestTool, 'pytest'>, string> = {
  go: 'gotestsum --junitfile=/results/junit.xml -- ./tests/integration/...',
  vitest: 'npx vitest run tests/integration --reporter=verbose --reporter=junit --outputFile.junit=/results/junit.xml',
  jest: 'npx jest tests/integration --verbose --reporters=default --reporters=jest-junit',
};

/** Plans the first run of a repository. */
export function planStart(repository: Repository, rendered: RenderedStart | undefined): StartPlan {
  const assumptions: string[] = [];
  const chart = chooseChart(repository, assumptions);
  const tool = chooseTool(repository, assumptions);
  const image = chooseImage(repository, chart, rendered, assumptions);
  const dockerfile = repository.testDockerfile ?? testImage;
  const files: Record<string, string> = {
    '.k8s-test.yaml': writeConfig({ chart, tool, dockerfile, setsTag: image?.setsTag ?? false }),
    '.github/workflows/integration.yml': writeWorkflow(image?.build),
  };
  if (repository.testDockerfile === undefined) files[testImage] = writeDockerfile(tool, repository);
  else assumptions.push(`${repository.testDockerfile} builds the test image`);
  if (!repository.hasIntegrationTests) {
    const { name, text } = writeFirstTest(tool, rendered?.address);
    files[`tests/integration/${name}`] = text;
    assumptions.push('the tests for the cluster are in tests/integration; the first one is only a beginning');
  }
  if (repository.ignoresResults === undefined) files['.gitignore'] = 'k8s-test-results/\n';
  else if (!repository.ignoresResults)
    assumptions.push('runs write to k8s-test-results/, which .gitignore does not name: add it there');
  return { files, assumptions, builds: image === undefined ? [] : [image.build] };
}

function chooseChart({ charts }: Repository, assumptions: string[]): FoundChart | undefined {
  const [chart, ...others] = charts;
  if (chart === undefined) assumptions.push('there is no chart here: the tests run without a platform (profile: none)');
  else if (others.length > 0)
    assumptions.push(`the chart is ${chart.directory}, not ${others.map(({ directory }) => directory).join(' or ')}`);
  return chart;
}

function chooseTool({ tool }: Repository, assumptions: string[]): TestTool {
  if (tool !== undefined) {
    assumptions.push(`the tests run with ${tool === 'go' ? 'go test' : tool}`);
    return tool;
  }
  assumptions.push('no tests were found: the first one is written for pytest');
  return 'pytest';
}

/** Which image of the chart is built here, and how; undefined when that cannot be known. */
function chooseImage(
  repository: Repository,
  chart: FoundChart | undefined,
  rendered: RenderedStart | undefined,
  assumptions: string[],
): { build: string; setsTag: boolean } | undefined {
  const [dockerfile, ...others] = repository.dockerfiles;
  if (dockerfile === undefined || chart === undefined) return undefined;
  const own = ownImage(repository, chart, rendered);
  const image = chart.imageRepository === undefined ? own : `${chart.imageRepository}:ci`;
  if (image === undefined) {
    assumptions.push(
      `which image of the chart ${dockerfile} builds could not be told: build it before the action, under the name that the chart gives it`,
    );
    return undefined;
  }
  if (others.length > 0) assumptions.push(`${dockerfile} builds ${image}; ${others.join(', ')} are not built`);
  else assumptions.push(`${dockerfile} builds ${image}, which the chart runs`);
  if (/:latest$|^[^:]+$/.test(image.slice(image.lastIndexOf('/') + 1)))
    assumptions.push(`Kubernetes asks a registry for ${image}: give the image another tag than latest`);
  const file = dockerfile === 'Dockerfile' ? '' : ` --file ${quote(dockerfile)}`;
  return { build: `docker build --tag ${quote(image)}${file} .`, setsTag: chart.imageRepository !== undefined };
}

/** The only image of the chart, or the one that has its name or that of the repository. */
function ownImage(repository: Repository, chart: FoundChart, rendered: RenderedStart | undefined): string | undefined {
  const images = rendered?.images ?? [];
  if (images.length === 1) return images[0];
  const nameOf = (image: string) => image.slice(image.lastIndexOf('/') + 1).split(/[:@]/)[0];
  return images.find((image) => nameOf(image) === chart.name || nameOf(image) === repository.name);
}

/** A word of a shell command. */
function quote(word: string): string {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** A scalar of YAML, in quotes where it may need them. JSON is YAML. */
function scalar(text: string): string {
  return /^[A-Za-z./][\w./-]*$/.test(text) ? text : JSON.stringify(text);
}

function writeConfig(options: {
  chart: FoundChart | undefined;
  tool: TestTool;
  dockerfile: string;
  setsTag: boolean;
}): string {
  const { chart, tool, dockerfile, setsTag } = options;
  const name = chart !== undefined && /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/.test(chart.name) ? chart.name : undefined;
  const lines = [
    `# yaml-language-server: $schema=${schemaAddress}`,
    '# Inputs of k8s-test-action: a section for each tier. Paths are relative to this file.',
    'integration:',
    ...(chart === undefined ? ['  profile: none'] : [`  chart: ${scalar(chart.directory)}`]),
    ...(name === undefined ? [] : [`  release: ${scalar(name)}`]),
    ...(setsTag ? ['  set:', '    - image.tag=ci'] : []),
    '  # The test image.',
    '  build: .',
    `  dockerfile: ${scalar(dockerfile)}`,
    ...(tool === 'pytest' ? [] : [`  command: ${commands[tool]}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function writeWorkflow(build: string | undefined): string {
  const lines = [
    'name: integration',
    'on: pull_request',
    'permissions: {}',
    'jobs:',
    '  integration:',
    '    runs-on: ubuntu-24.04',
    '    timeout-minutes: 30',
    '    permissions:',
    '      contents: read',
    '    steps:',
    `      - uses: ${checkout}`,
    '        with:',
    '          persist-credentials: false',
    ...(build === undefined ? [] : [`      - run: ${/[:#'"] /.test(build) ? quoted(build) : build}`]),
    '      # Its inputs are in .k8s-test.yaml, for laptops as well.',
    '      - uses: floe/k8s-test-action@v1',
  ];
  return `${lines.join('\n')}\n`;
}

function writeDockerfile(tool: TestTool, { requirements, nodeLock }: Repository): string {
  const head = ['# The test image: the tests, and what runs them.', `#   docker build --file ${testImage} .`];
  const python = [
    `FROM python:${versions.python}-slim`,
    ...(requirements === undefined
      ? [`RUN pip install --no-cache-dir pytest==${versions.pytest}`]
      : [`COPY ${requirements} /tmp/requirements.txt`, 'RUN pip install --no-cache-dir -r /tmp/requirements.txt']),
    'WORKDIR /app',
    'COPY tests tests',
    'ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1',
    'USER 1000:1000',
    'ENTRYPOINT ["pytest"]',
  ];
  const go = [
    `FROM golang:${versions.go}`,
    `RUN go install gotest.tools/gotestsum@v${versions.gotestsum}`,
    'WORKDIR /app',
    'COPY . .',
    '# What is compiled here is not compiled in the cluster.',
    'ENV CGO_ENABLED=0 GOCACHE=/tmp/go-cache GOFLAGS=-buildvcs=false',
    'RUN go test -run "^$" ./tests/integration/... && chmod -R a+rwX /tmp/go-cache',
    'USER 1000:1000',
  ];
  const isJest = tool === 'jest';
  const node = [
    `FROM node:${versions.node}-slim`,
    'WORKDIR /app',
    `COPY package.json${nodeLock === undefined ? '' : ` ${nodeLock}`} ./`,
    `RUN npm ${nodeLock === undefined ? 'install' : 'ci'}${isJest ? ' && npm install --no-save jest-junit' : ''}`,
    'COPY . .',
    ...(isJest ? ['ENV JEST_JUNIT_OUTPUT_FILE=/results/junit.xml'] : []),
    'USER 1000:1000',
  ];
  return `${[...head, ...{ pytest: python, go, vitest: node, jest: node }[tool]].join('\n')}\n`;
}

/** A test that fails when the platform does not answer; without a Service, one that shows where the tests run. */
function writeFirstTest(tool: TestTool, address: string | undefined): { name: string; text: string } {
  const url = address ?? '';
  if (tool === 'go') return { name: 'first_test.go', text: firstGoTest(url) };
  if (tool === 'pytest') return { name: 'test_first.py', text: firstPythonTest(url) };
  return { name: 'first.test.mjs', text: firstNodeTest(url, tool) };
}

function firstPythonTest(url: string): string {
  if (url === '')
    return [
      'import os',
      '',
      '',
      'def test_runs_inside_kubernetes():',
      '    assert "KUBERNETES_SERVICE_HOST" in os.environ',
      '',
    ].join('\n');
  return [
    'from urllib.error import HTTPError',
    'from urllib.request import urlopen',
    '',
    '',
    'def test_the_service_answers():',
    '    try:',
    `        status = urlopen(${quoted(url)}, timeout=10).status`,
    '    except HTTPError as error:',
    '        status = error.code',
    '    assert status < 500',
    '',
  ].join('\n');
}

function firstGoTest(url: string): string {
  const [imports, body] =
    url === ''
      ? [
          ['"os"', '"testing"'],
          ['if os.Getenv("KUBERNETES_SERVICE_HOST") == "" {', '\tt.Fatal("these tests run inside Kubernetes")', '}'],
        ]
      : [
          ['"net/http"', '"testing"'],
          [
            `response, err := http.Get(${quoted(url)})`,
            'if err != nil {',
            '\tt.Fatal(err)',
            '}',
            'defer response.Body.Close()',
            'if response.StatusCode >= 500 {',
            '\tt.Fatalf("the Service answers %s", response.Status)',
            '}',
          ],
        ];
  const name = url === '' ? 'TestRunsInsideKubernetes' : 'TestServiceAnswers';
  return [
    'package integration',
    '',
    'import (',
    ...imports.map((line) => `\t${line}`),
    ')',
    '',
    `func ${name}(t *testing.T) {`,
    ...body.map((line) => `\t${line}`),
    '}',
    '',
  ].join('\n');
}

/** As a string of YAML, Python and Go, which all read JSON's. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function firstNodeTest(url: string, tool: 'vitest' | 'jest'): string {
  const head = tool === 'vitest' ? ["import { expect, test } from 'vitest';", ''] : [];
  const body =
    url === ''
      ? [
          "test('runs inside Kubernetes', () => {",
          '  expect(process.env.KUBERNETES_SERVICE_HOST).toBeDefined();',
          '});',
        ]
      : [
          "test('the Service answers', async () => {",
          `  const { status } = await fetch('${url}');`,
          '  expect(status).toBeLessThan(500);',
          '});',
        ];
  return [...head, ...body, ''].join('\n');
}
