/** Reads YAML by Helm's own reader, sigs.k8s.io/yaml, which is the one of kubectl and the API server too. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ReadYaml, readYaml } from '../src/inputs/read-yaml.ts';

/** As JSON has it: integers beyond 2^53 lose digits in Helm's functions, not in what it installs. */
type HelmReading = { value: unknown; problem?: undefined } | { value?: undefined; problem: string };

// fromYaml takes mappings alone, fromYamlArray lists alone; each hands an error back as a value.
const template = `apiVersion: v1
kind: List
{{ range $_, $file := .Files.Glob "documents/*" }}{{ range fromJsonArray (toString $file) -}}
# {{ dict "mapping" (fromYaml .) "list" (fromYamlArray .) | toJson | b64enc }}
{{ end }}{{ end }}`;
/** Of a file in a chart Helm takes 5 MiB at most. */
const charactersPerFile = 1_000_000;

/** What Helm reads each text as; one process for all of them. */
function readWithHelm(documents: string[]): HelmReading[] {
  const directory = mkdtempSync(path.join(tmpdir(), 'read-with-helm-'));
  try {
    for (const part of ['templates', 'documents']) mkdirSync(path.join(directory, part));
    writeFileSync(path.join(directory, 'Chart.yaml'), 'apiVersion: v2\nname: reader\nversion: 1.0.0\n');
    writeFileSync(path.join(directory, 'templates', 'readings.yaml'), template);
    for (const [i, file] of packFiles(documents).entries())
      writeFileSync(path.join(directory, 'documents', `${String(i).padStart(6, '0')}.json`), JSON.stringify(file));
    const printed = execFileSync('helm', ['template', directory], { encoding: 'utf8', maxBuffer: 2 ** 29 });
    const readings = printed.split('\n').filter((line) => line.startsWith('# ') && !line.startsWith('# Source'));
    return readings.map((line) =>
      readingOf(JSON.parse(Buffer.from(line.slice(2), 'base64').toString()) as { mapping: unknown; list: unknown }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function packFiles(documents: string[]): string[][] {
  const files: string[][] = [];
  let room = 0;
  for (const document of documents) {
    room -= document.length;
    if (room < 0 || files.length === 0) {
      files.push([]);
      room = charactersPerFile;
    }
    files.at(-1)?.push(document);
  }
  return files;
}

function readingOf({ mapping, list }: { mapping: unknown; list: unknown }): HelmReading {
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
  if (readings.length !== documents.length) throw new Error(`Helm read ${readings.length} of ${documents.length}`);
  const differences: Difference[] = [];
  let refused = 0;
  for (const [index, document] of documents.entries()) {
    const reading = readings[index] as HelmReading;
    const ours = read(document);
    const isNeitherMappingNorList = typeof (ours.value ?? {}) !== 'object' || JSON.isRawJSON(ours.value);
    if (reading.problem !== undefined) {
      // Its functions take mappings and lists, and say so of a scalar that they have read.
      const isOfItsFunction = reading.problem.startsWith('error unmarshaling JSON') && isNeitherMappingNorList;
      if (ours.problem !== undefined) refused += 1;
      else if (!isOfItsFunction) differences.push({ index, ours: show(ours.value), helm: reading.problem });
    } else if (ours.problem !== undefined) differences.push({ index, ours: ours.problem, helm: show(reading.value) });
    else if (show(ours.value ?? {}) !== show(reading.value))
      differences.push({ index, ours: show(ours.value), helm: show(reading.value) });
  }
  return { differences, refused };
}

/** A value as text that is the same for equal values, whatever the order of their keys. */
function show(value: unknown): string {
  if (JSON.isRawJSON(value)) return String(Number(value.rawJSON));
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${show(item)}`);
  return `{${fields.sort().join(', ')}}`;
}
