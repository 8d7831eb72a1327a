/** The fenced snippets of the documentation, and what each of them is. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { load, loadAll } from 'js-yaml';
import { inputNames } from '../../src/inputs/schema.ts';
import { tierNames } from '../../src/inputs/tiers.ts';

export interface Snippet {
  /** `docs/recipes.md:12`: where its text begins. */
  where: string;
  /** The text after the opening fence. */
  info: string;
  text: string;
}

/** What a YAML snippet is: the first of these that its content fits, unless the fence names one (`yaml template`). */
export type YamlKind =
  | 'workflow'
  | 'steps'
  | 'project'
  | 'kind-config'
  | 'manifest'
  | 'values'
  | 'template'
  | 'quarantine';

export const root = path.resolve(import.meta.dirname, '../..');

/** All snippets of a Markdown file, those within lists included. */
export function readSnippets(file: string): Snippet[] {
  const lines = readFileSync(path.join(root, file), 'utf8').split('\n');
  const snippets: Snippet[] = [];
  for (let i = 0; i < lines.length; i++) {
    const [, margin, fence, info] = /^( *)(`{3,})(.*)$/.exec(lines[i]!) ?? [];
    if (fence === undefined) continue;
    const begin = i + 1;
    do i++;
    while (i < lines.length && lines[i]!.trim() !== fence);
    if (i === lines.length) throw new Error(`${file}:${begin}: this fence is never closed`);
    const text = lines.slice(begin, i).map((line) => line.slice(Math.min(margin!.length, line.search(/\S|$/))));
    snippets.push({ where: `${file}:${begin + 1}`, info: info!.trim(), text: dedent(text).join('\n') });
  }
  return snippets;
}

function dedent(lines: string[]): string[] {
  const depth = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(depth));
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Returns the kind of a YAML snippet, and gives workflows and parts of them as whole workflows; undefined for an unknown kind.
 */
export function classifyYaml({ info, text }: Snippet): { kind: YamlKind; text: string } | undefined {
  const named = info.split(/\s+/)[1];
  if (named === 'template' || named === 'values') return { kind: named, text };
  if (named !== undefined) return undefined;
  const documents = loadAll(text) as unknown[];
  const isObject = (one: unknown) =>
    isMapping(one) && typeof one.apiVersion === 'string' && typeof one.kind === 'string';
  if (documents.length > 0 && documents.every(isObject)) {
    const isKind = documents.some((one) =>
      String((one as Record<string, unknown>).apiVersion).startsWith('kind.x-k8s.io'),
    );
    return { kind: isKind ? 'kind-config' : 'manifest', text };
  }
  if (documents.length !== 1) return undefined;
  const [content] = documents;
  const head = 'name: snippet\non: push\npermissions: {}\n';
  const asSteps = (steps: string) =>
    `${head}jobs:\n  snippet:\n    runs-on: ubuntu-24.04\n    permissions:\n      contents: read\n    steps:\n${indent(steps, 6)}`;
  if (Array.isArray(content)) {
    const isStep = (one: unknown) => isMapping(one) && ('uses' in one || 'run' in one);
    if (content.every((one) => isMapping(one) && 'id' in one && 'expires' in one)) return { kind: 'quarantine', text };
    return content.every(isStep) ? { kind: 'workflow', text: asSteps(text) } : undefined;
  }
  if (!isMapping(content)) return undefined;
  const keys = Object.keys(content);
  const isJob = (one: unknown) => isMapping(one) && ('steps' in one || ('uses' in one && !('with' in content)));
  if ('on' in content && 'jobs' in content) return { kind: 'workflow', text };
  if (keys.length === 1 && isMapping(content.jobs)) return { kind: 'workflow', text: head + text };
  if (Object.values(content).every(isJob))
    return { kind: 'workflow', text: `${head}jobs:\n${indent(text, 2)}${inventNeeds(content)}` };
  if (keys.every((key) => (tierNames as readonly string[]).includes(key))) return { kind: 'project', text };
  const ours = '- uses: floe/k8s-test-action@v1\n';
  if (keys.length === 1 && isMapping(content.with)) return { kind: 'workflow', text: asSteps(ours + indent(text, 2)) };
  if (keys.every((key) => (inputNames as string[]).includes(key)))
    return { kind: 'workflow', text: asSteps(`${ours}  with:\n${indent(text, 4)}`) };
  const chart = load(readFileSync(path.join(root, 'charts/floe-platform/values.yaml'), 'utf8')) as object;
  return keys.every((key) => key in chart) ? { kind: 'values', text } : undefined;
}

function indent(text: string, depth: number): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(depth));
}

/** Jobs that a part of a workflow needs and does not show. */
function inventNeeds(jobs: Record<string, unknown>): string {
  const needed = Object.values(jobs).flatMap(
    (job) => (isMapping(job) ? (job.needs as string | string[]) : undefined) ?? [],
  );
  const missing = [...new Set(needed)].filter((name) => !(name in jobs));
  return missing
    .map((name) => `\n  ${name}:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: make ${name}`)
    .join('');
}
