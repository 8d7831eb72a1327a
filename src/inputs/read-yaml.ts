/**
 * The only reader of YAML from users, charts and tools: it reads as kubectl, Helm and the API server read it, which is not YAML
 * 1.2. `node scripts/compare-yaml.ts <file>` compares it with Helm. Pure.
 */
import { readFirstNode } from './yaml-nodes.ts';
import { exactInteger, YamlProblem } from './yaml-scalars.ts';
import { buildValue, type YamlReader } from './yaml-values.ts';

/** What was read: plain values of JSON, and for an integer beyond 2^53 what `JSON.rawJSON` makes of its digits. */
export type ReadYaml = { value: unknown; problem?: undefined } | { value?: undefined; problem: string };

/**
 * The first document of a text; null when it holds none.
 * @param reader whose rules count; with `as-written` numbers and booleans stay `WrittenScalar`.
 */
export function readYaml(text: string, reader: YamlReader = 'kubernetes'): ReadYaml {
  return readDocument(text, 1, reader);
}

/** The documents of a text, each read separately, so that an unreadable one hides no other. Empty ones are left out. */
export function readYamlDocuments(text: string): ReadYaml[] {
  return splitDocuments(text)
    .map(({ text: document, line }) => readDocument(document, line, 'kubernetes'))
    .filter((read) => read.problem !== undefined || read.value !== null);
}

function readDocument(text: string, firstLine: number, reader: YamlReader): ReadYaml {
  const source = text.replace(/^\uFEFF/, '');
  try {
    const json = reader === 'kubernetes' ? readJson(source) : undefined;
    if (json !== undefined) return { value: json };
    const root = readFirstNode(source);
    return { value: root === undefined ? null : buildValue(root, reader) };
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error;
    const line = firstLine + source.slice(0, error.offset).split(/\r\n|\r|\n/).length - 1;
    return { problem: `line ${line}: ${error.message}` };
  }
}

/** An object in JSON, which kubectl tries first; undefined when it is none. */
export function readJson(text: string): unknown {
  if (!/^\s*\{\s*["}]/.test(text)) return undefined;
  try {
    return parseJson(text.replace(escapes, (one) => (halfPair.test(one) ? String.raw`\uFFFD` : one)));
  } catch {
    return undefined;
  }
}

const escapes = /\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u[dD][89a-fA-F][\da-fA-F]{2}|.)/g;
/** Half of a pair that encodes one character; alone it encodes none, and Go reads U+FFFD. */
const halfPair = /^\\u[dD][89a-fA-F][\da-fA-F]{2}$/;

/** A copy of plain JSON with every number as exact as it was, which `structuredClone` does not make. */
export function cloneJson<T extends object>(value: T): T {
  return parseJson(JSON.stringify(value)) as T;
}

/** JSON with every integer exact. */
function parseJson(text: string): unknown {
  const reviver = (_: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? exactInteger(context?.source ?? '')
      : value;
  return JSON.parse(text, reviver);
}

/** Split at lines with `---`, as kubectl and Helm split what they are given; the rest of that line belongs to the document. */
export function splitDocuments(text: string): { text: string; line: number }[] {
  const documents: { parts: string[]; line: number }[] = [{ parts: [], line: 1 }];
  for (const [i, line] of text.split(/(?<=\n)/).entries()) {
    if (/^\uFEFF?---(?=\s|$)/.test(line)) {
      documents.push({ parts: [line.replace(/^\uFEFF?---/, '   ')], line: i + 1 });
    } else documents.at(-1)?.parts.push(line);
  }
  return documents.map(({ parts, line }) => ({ text: parts.join(''), line }));
}
