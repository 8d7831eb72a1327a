import { describe, expect, test } from 'vitest';
import { compareWithHelm } from '../../../scripts/read-with-helm.ts';
import { renderKindConfig } from '../../../src/cluster/kind-config.ts';
import { readJobManifest } from '../../../src/inputs/job-manifest.ts';
import { cloneJson, readYaml, readYamlDocuments } from '../../../src/inputs/read-yaml.ts';
import { readUserKindConfig } from '../../../src/inputs/user-kind-config.ts';
import { writeYaml } from '../../../src/inputs/write-yaml.ts';
import { adaptJob } from '../../../src/job/adapt-job.ts';
import { readRendered } from '../../../src/platform/chart.ts';
import { redactSecrets } from '../../../src/platform/save-release.ts';
import { DocumentGenerator, seededRandom } from './generate-documents.ts';

const jobText = (pod: string) => `apiVersion: batch/v1
kind: Job
metadata: {name: e2e}
spec:
  template:
    spec:
${pod.replaceAll(/^/gm, '      ')}
`;
const readJob = (pod: string) => {
  const options = { namespace: 'shop', resultsPath: '/results', container: undefined };
  return readJobManifest(jobText(pod), options).testJob!.job.spec.template.spec;
};

describe("a user's Job", () => {
  test('mounts its files with the mode that kubectl gives them, where YAML 1.2 reads 0400 as decimal 400', () => {
    const spec = readJob(`containers: [{name: tests}]
volumes:
- {name: key, secret: {secretName: key, defaultMode: 0400}}
- {name: scripts, configMap: {name: scripts, defaultMode: 0o755}}`);
    expect(spec.volumes).toMatchObject([{ secret: { defaultMode: 256 } }, { configMap: { defaultMode: 493 } }]);
  });

  test('keeps the env that a merge key gives to its container', () => {
    const spec = readJob(`initContainers:
- &base
  name: base
  image: tests:1
  env: [{name: DB_HOST, value: db}]
containers:
- <<: *base
  name: tests`);
    expect(spec.containers).toEqual([{ name: 'tests', image: 'tests:1', env: [{ name: 'DB_HOST', value: 'db' }] }]);
  });

  test('may use yes and off where Kubernetes expects a boolean', () => {
    const spec = readJob('hostNetwork: yes\nautomountServiceAccountToken: off\ncontainers: [{name: tests}]');
    expect(spec).toMatchObject({ hostNetwork: true, automountServiceAccountToken: false });
  });

  test('keeps a number of 19 digits to the last one, up to the API server', () => {
    const spec = `containers: [{name: tests}]\nactiveDeadlineSeconds: 9007199254740993\nsecurityContext: {runAsUser: 9223372036854775807}`;
    const read = readJobManifest(jobText(spec), { namespace: 'shop', resultsPath: '/results', container: undefined });
    const options = { runId: 'r1', namespace: 'shop', env: [], loadedImages: new Set<string>(), netSeconds: 1 };
    const sent = JSON.stringify(adaptJob(read.testJob!, options).job);
    expect(sent).toContain('"activeDeadlineSeconds":9007199254740993');
    expect(sent).toContain('"runAsUser":9223372036854775807');
  });

  test('that is no YAML is refused with the line, and with every document that is none', () => {
    const read = readJobManifest('a: [\n---\nb: 1\n---\nc: "', {
      namespace: 'a',
      resultsPath: '/r',
      container: undefined,
    });
    expect(read.problems?.map(({ problem }) => problem)).toEqual([
      'is not YAML: line 2: did not find expected node content',
      'is not YAML: line 5: found unexpected end of stream',
    ]);
  });
});

describe('what Helm renders', () => {
  test.each([
    [
      'a label that is there twice',
      'metadata:\n  labels:\n    app: a\n    app: b\n',
      { metadata: { labels: { app: 'b' } } },
    ],
    ['a merge key with a tag', 'x: &x {a: 1}\nz:\n  !!merge <<: *x\n', { x: { a: 1 }, z: { a: 1 } }],
    ['a tag that nobody knows', 'x: !!string 12\n', { x: '12' }],
    [
      'a list that is closed further left than it began',
      "command: ['sh', '-c', '\nx\n  ']\n",
      { command: ['sh', '-c', ' x '] },
    ],
  ])('with %s is read, and does not end the run', (_, text, expected) => {
    expect(readRendered(`---\n# Source: chart/templates/a.yaml\n${text}`)).toEqual({
      manifests: [expected],
      unread: [],
    });
  });

  test('is read document by document, so that one that cannot be read hides no other', () => {
    const rendered = readRendered('---\nkind: A\n---\nkind: [\n---\n\n---\n# nothing\n---\nkind: B\n');
    expect(rendered.manifests).toEqual([{ kind: 'A' }, { kind: 'B' }]);
    expect(rendered.unread).toEqual(['line 5: did not find expected node content']);
  });

  test('stays out of the evidence where it cannot be read, since it may be a Secret', () => {
    const text = redactSecrets('kind: Secret\ndata: {a: c2VjcmV0\n---\nkind: Secret\ndata: {b: c2VjcmV0}\n');
    expect(text).not.toContain('c2VjcmV0');
    expect(text).toMatch(/^# A document is left out because it cannot be read: line \d/);
  });
});

describe('a kind-config', () => {
  const render = (text: string) => {
    const userConfig = readUserKindConfig(`kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n${text}`);
    return renderKindConfig({ userConfig, nodes: 1, resultsHostPath: '/results' });
  };

  test('may share what its nodes have in common by a merge key, and the own values of a node override it', () => {
    const rendered = render(`nodes:
- &base {role: control-plane, labels: {tier: a}}
- role: worker
  <<: *base
`);
    expect(readYaml(rendered).value).toMatchObject({
      nodes: [
        { role: 'control-plane', labels: { tier: 'a' } },
        { role: 'worker', labels: { tier: 'a' } },
      ],
    });
    expect(rendered).not.toContain('<<');
  });

  test('keeps its scalars as they are written, since kind reads them by the type of the field', () => {
    const rendered = render('nodes:\n- role: control-plane\n  labels: {version: 1.30, mode: 0400, on: yes}\n');
    expect(rendered).toMatch(/version'?: 1\.30$/m);
    expect(rendered).toMatch(/mode'?: 0400$/m);
    expect(rendered).toMatch(/'?on'?: yes$/m);
  });

  test('with one key twice is refused, as kind refuses it', () => {
    expect(() => render('networking: {ipFamily: ipv4, ipFamily: dual}')).toThrow(
      'line 3: the key "ipFamily" is there twice',
    );
  });
});

describe('documents', () => {
  test.each([
    ['a byte order mark and CRLF', '\uFEFFa: 1\r\n---\r\nb: 2\r\n', [{ a: 1 }, { b: 2 }]],
    ['content behind ---', '--- {a: 1}\n--- # note\nb: 2\n', [{ a: 1 }, { b: 2 }]],
    ['an end that is marked', 'a: 1\n...\n---\nb: 2\n...\n', [{ a: 1 }, { b: 2 }]],
    ['nothing at all', '\n---\n# only a comment\n---\n', []],
    [
      'JSON, with tabs and more lines',
      '{\n\t"a": 9007199254740993,\n\t"b": [1.0, "x\\/y"]\n}\n',
      [{ a: JSON.rawJSON('9007199254740993'), b: [1, 'x/y'] }],
    ],
  ])('with %s are read', (_, text, expected) => {
    const read = readYamlDocuments(text).map(({ value }) => value);
    expect(JSON.stringify(read)).toBe(JSON.stringify(expected));
  });

  test('see no anchors of the documents before them, as in Go', () => {
    const [first, second] = readYamlDocuments('a: &x 1\n---\nb: *x\n');
    expect(first?.value).toEqual({ a: 1 });
    expect(second?.problem).toBe("line 3: unknown anchor 'x' referenced");
  });

  test('with an alias to what holds it are one clear error', () => {
    expect(readYaml('a: &a\n  b: *a\n').problem).toBe('line 2: anchor &a contains itself');
  });

  test('with aliases that expand to a billion values are refused before they fill the memory', () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) =>
        `l${i}: &l${i} [${Array(10)
          .fill(i === 0 ? 'lol' : `*l${i - 1}`)
          .join(', ')}]`,
    );
    expect(readYaml(levels.join('\n')).problem).toContain('its aliases stand for far more than it holds itself');
  });

  test('of a million brackets are refused in plain words', () => {
    expect(readYaml('['.repeat(1_000_000)).problem).toContain('nested more than');
    expect(readYaml(`${'- '.repeat(100_000)}x`).problem).toContain('nested more than');
  });

  test('may have a key by the name __proto__, which is a key and nothing else', () => {
    const { value } = readYaml('__proto__: {polluted: yes}\n');
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('YAML that is written', () => {
  const generator = new DocumentGenerator(seededRandom(7));
  const values = Array.from({ length: 1000 }, () => readYaml(generator.next())).flatMap(({ value }) =>
    typeof value === 'object' && value !== null ? [value] : [],
  );

  test('is read by us and by Helm as what it was made from', () => {
    const written = values.map(writeYaml);
    const changed = values.filter((value, i) => JSON.stringify(readYaml(written[i]!).value) !== JSON.stringify(value));
    expect(values.length).toBeGreaterThan(500);
    expect(changed.map((value) => writeYaml(value))).toEqual([]);
    expect(compareWithHelm(written).differences).toEqual([]);
  });

  test('holds numbers of many digits as numbers', () => {
    const { value } = readYaml('a: 9007199254740993\n');
    expect(writeYaml(cloneJson(value as object))).toMatch(/^'?a'?: 9007199254740993$/m);
  });
});
