/** Reads YAML by Helm's own reader, sigs.k8s.io/yaml, which is the one of kubectl and the API server too. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ReadYaml, readJson, readYaml } from '../src/inputs/read-yaml.ts';

/** As in JSON: integers beyond 2^53 lose digits in Helm's functions, not in what it installs. */
type HelmReading = { value: unknown; problem?: undefined } | { value?: undefined; problem: string };

// fromYaml and fromJson only take mappings, fromYamlArray only lists; each returns an error as a value. A document that is too
// long for one file is in several, of which all but the last are named so.
const template = `apiVersion: v1
kind: List
{{ $rest := "" }}{{ range $name, $file := .Files.Glob "documents/*" }}{{ range fromJsonArray (toString $file) -}}
{{ if hasSuffix ".more.json" $name }}{{ $rest = print $rest . }}{{ else }}{{ $text := print $rest . }}{{ $rest = "" }}
# {{ dict "mapping" (fromYaml $text) "list" (fromYamlArray $text) "json" (fromJson $text) | toJson | b64enc }}
{{ end }}{{ end }}{{ end }}`;
/** Of a file in a chart Helm takes 5 MiB at most, and a character may take six bytes. */
const charactersPerFile = 800_000;

/** What Helm reads each text as; one process for all of them. */
function readWithHelm(documents: string[]): HelmReading[] {
  const directory = mkdtempSync(path.join(tmpdir(), 'read-with-helm-'));
  try {
    for (const part of ['templates', 'documents']) mkdirSync(path.join(directory, part));
    writeFileSync(path.join(directory, 'Chart.yaml'), 'apiVersion: v2\nname: reader\nversion: 1.0.0\n');
    writeFileSync(path.join(directory, 'templates', 'readings.yaml'), template);
    for (const [i, { texts, isContinued }] of packFiles(documents).entries()) {
      const name = `${String(i).padStart(6, '0')}${isContinued ? '.more' : ''}.json`;
      writeFileSync(path.join(directory, 'documents', name), JSON.stringify(texts));
    }
    const printed = execFileSync('helm', ['template', directory], { encoding: 'utf8', maxBuffer: 2 ** 29 });
    const lines = printed.split('\n').filter((line) => line.startsWith('# ') && !line.startsWith('# Source'));
    if (lines.length !== documents.length)
      throw new Error(`Helm read ${lines.length} of ${documents.length} documents`);
    return lines.map((line, i) => {
      const readings = JSON.parse(Buffer.from(line.slice(2), 'base64').toString()) as Readings;
      return readingOf(readings, documents[i] ?? '');
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface PackedFile {
  texts: string[];
  /** Whether it is a part of one document, which continues in the next file. */
  isContinued: boolean;
}

function packFiles(documents: string[]): PackedFile[] {
  const files: PackedFile[] = [];
  let room = 0;
  for (const document of documents) {
    const parts = cutDocument(document);
    const last = parts.pop() ?? '';
    files.push(...parts.map((part) => ({ texts: [part], isContinued: true })));
    room -= last.length;
    const file = files.at(-1);
    if (file === undefined || file.isContinued || room < 0) {
      files.push({ texts: [last], isContinued: false });
      room = charactersPerFile - last.length;
    } else file.texts.push(last);
  }
  return files;
}

/** A text in parts that a file has room for, none of which ends within a character. */
function cutDocument(document: string): string[] {
  const parts: string[] = [];
  let from = 0;
  while (document.length - from > charactersPerFile) {
    const isWithinPair = (document.charCodeAt(from + charactersPerFile) & 0xfc00) === 0xdc00;
    const end = from + charactersPerFile - (isWithinPair ? 1 : 0);
    parts.push(document.slice(from, end));
    from = end;
  }
  return [...parts, document.slice(from)];
}

interface Readings {
  mapping: unknown;
  list: unknown;
  json: unknown;
}

/** Of what kubectl would try first, as it does: an object in JSON, else YAML. */
function readingOf({ mapping, list, json }: Readings, document: string): HelmReading {
  if (readJson(document.replace(/^\uFEFF/, '')) !== undefined && (json as { Error?: string }).Error === undefined)
    return { value: json };
  const { Error: problem } = (mapping ?? {}) as { Error?: string };
  if (problem === undefined) return { value: mapping };
  const [first] = Array.isArray(list) ? (list as unknown[]) : [];
  return typeof first === 'string' && /^error (converting|unmarshaling)/.test(first) ? { problem } : { value: list };
}

interface Difference {
  /** Of the documents that were compared. */
  index: number;
  ours: string;
  helm: string;
}

/** The documents that we read as something else than Helm does, or that one of the two refuses; and how many both refuse. */
export function compareWithHelm(
  documents: string[],
  read: (text: string) => ReadYaml = readYaml,
): { differences: Difference[]; refused: number } {
  const readings = readWithHelm(documents);
  const differences: Difference[] = [];
  let refused = 0;
  for (const [index, document] of documents.entries()) {
    const reading = readings[index] as HelmReading;
    const ours = read(document);
    const isNeitherMappingNorList = typeof (ours.value ?? {}) !== 'object' || JSON.isRawJSON(ours.value);
    if (reading.problem !== undefined) {
      // Its functions take mappings and lists, and report a scalar as an error.
      const isOfItsFunction = reading.problem.startsWith('error unmarshaling JSON') && isNeitherMappingNorList;
      if (ours.problem !== undefined) refused += 1;
      else if (!isOfItsFunction) differences.push({ index, ours: show(ours.value), helm: reading.problem });
    } else if (ours.problem !== undefined) differences.push({ index, ours: ours.problem, helm: show(reading.value) });
    else if (show(ours.value ?? {}) !== show(reading.value))
      differences.push({ index, ours: show(ours.value), helm: show(reading.value) });
  }
  return { differences, refused };
}

/** A value as text that is the same for equal values, independent of the order of their keys. */
function show(value: unknown): string {
  if (JSON.isRawJSON(value)) return String(Number(value.rawJSON));
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${show(item)}`);
  return `{${fields.sort().join(', ')}}`;
}
