/** How values of inputs are written: text as users give it, to what it means. Pure. */

import path from 'node:path';
import { split as splitWords } from 'shlex';
import * as v from 'valibot';
import { shortestSecret } from '../core/secret-mask.ts';
import { trimEndOf } from '../core/trim-end.ts';
import { readYaml } from './read-yaml.ts';
import { readSetLine } from './set-lines.ts';
import { WrittenScalar } from './yaml-values.ts';

/** A PersistentVolumeClaim of the namespace, mounted into the built-in Job. */
export interface VolumeMount {
  claimName: string;
  mountPath: string;
  readOnly: boolean;
}

/** Addresses from which images of a registry are pulled instead. */
export interface RegistryMirror {
  /** Host, with its port if it has one, as image names begin; `docker.io` for Docker Hub, `*` for every other registry. */
  registry: string;
  /** http(s) address without a final slash. */
  address: string;
}
const durationPattern = /^(\d{1,15}[hms])+$/;
const bytesPattern = /^(\d+(?:\.\d+)?)(k|Ki|M|Mi|G|Gi|T|Ti)?$/;
const durationUnits: Record<string, number> = { h: 3600, m: 60, s: 1 };

/** Seconds in a duration such as `90s`, `20m` or `1h30m`; undefined when it is none, or is zero. */
export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/(\d{1,15})([hms])/g))
    seconds += Number(count) * (durationUnits[unit ?? ''] ?? 0);
  return seconds > 0 && Number.isSafeInteger(seconds) ? seconds : undefined;
}

const byteUnits: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

function parseBytes(text: string): number | undefined {
  const [, count, unit] = bytesPattern.exec(text) ?? [];
  return count === undefined ? undefined : Math.floor(Number(count) * (byteUnits[unit ?? ''] ?? 1));
}

/**
 * `NAME=value` lines; a value of several lines is between `NAME<<END` and `END`, as GitHub writes them in its files.
 * @returns the secrets, or what is wrong, without any text of a value.
 */
export function readSecrets(text: string): { secrets: [string, string][]; problems: string[] } {
  const secrets: [string, string][] = [];
  const problems: string[] = [];
  const all = text.split(/\r?\n/);
  for (let i = 0; i < all.length; i++) {
    const line = all[i] ?? '';
    if (line.trim() === '') continue;
    const [, name, operator, rest = ''] = /^\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*(=|<<)(.*)$/s.exec(line) ?? [];
    if (name === undefined) {
      problems.push(
        `has in its line ${i + 1} something that is not NAME=value; write a value of several lines between NAME<<END and END`,
      );
      continue;
    }
    if (operator === '=') secrets.push([name, rest]);
    else {
      const end = all.indexOf(rest.trim(), i + 1);
      if (rest.trim() === '' || end === -1) {
        problems.push(`has no line that ends the value of ${name}, which begins in line ${i + 1}`);
        break;
      }
      secrets.push([name, all.slice(i + 1, end).join('\n')]);
      i = end;
    }
  }
  for (const [name, value] of secrets) {
    if (value !== '' && value.length < shortestSecret)
      problems.push(
        `gives ${name} fewer than ${shortestSecret} characters, which cannot be masked; put short values into env`,
      );
    if (secrets.filter(([other]) => other === name).length > 1) problems.push(`gives ${name} twice`);
  }
  return { secrets, problems: [...new Set(problems)] };
}

/** What the JSON Schema of `.k8s-test.yaml` states about an input beside its type. */
export interface WrittenAs extends Record<string, unknown> {
  /** Whether it holds several values: a list in YAML, lines elsewhere. */
  isList?: boolean;
  /** What every value looks like, as a regular expression of JavaScript. */
  pattern?: string;
}
const writtenAs = <T = string>(how: WrittenAs) => v.metadata<T, WrittenAs>(how);

export const oneOf = <const T extends readonly string[]>(names: T) =>
  v.picklist(names, `is not known; choose one of ${names.join(', ')}`);
export const matching = (pattern: RegExp, problem: string) => v.pipe(v.string(), v.regex(pattern, problem));
export const integer = (from: number, to: number) =>
  v.pipe(
    matching(/^\d+$/, `is not a whole number from ${from} to ${to}`),
    v.transform(Number),
    v.check((n) => n >= from && n <= to, `is not a whole number from ${from} to ${to}`),
  );
/** A whole number, or one word in place of it. */
export const integerOr = <W extends string>(word: W, from: number, to: number) =>
  v.union([v.literal(word), integer(from, to)], `is not ${word} or a whole number from ${from} to ${to}`);
/** Refuses a text that a reader found no value in. */
const found = <T>(problem: string) =>
  v.rawTransform<T | undefined, T>(({ dataset, addIssue, NEVER }) => {
    if (dataset.value !== undefined) return dataset.value;
    addIssue({ message: problem });
    return NEVER;
  });
export const duration = v.pipe(
  v.string(),
  writtenAs({ pattern: durationPattern.source }),
  v.transform((text) => parseDuration(text)),
  found('is not a duration; write it as 90s, 20m or 1h30m'),
);
export const lines = v.pipe(
  v.string(),
  writtenAs({ isList: true }),
  v.transform((text) =>
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  ),
);
const linesMatching = (pattern: RegExp, problem: string) =>
  v.pipe(
    lines,
    writtenAs<string[]>({ pattern: pattern.source }),
    v.check((all) => all.every((line) => pattern.test(line)), problem),
  );
/** `NAME=value` lines; the value is kept to the letter, blanks included. */
export const assignments = (name: RegExp, problem: string) =>
  v.pipe(
    v.string(),
    writtenAs({ isList: true }),
    v.transform((text) => text.split(/\r?\n/).filter((line) => line.trim() !== '')),
    v.check(
      (all) => all.every((line) => line.includes('=') && name.test(line.slice(0, line.indexOf('=')).trim())),
      problem,
    ),
    v.transform((all): [string, string][] =>
      all.map((line) => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1)]),
    ),
  );
/** `NAME=value` lines whose text no error may quote; `readSecrets` reads them. */
export const secretLines = v.pipe(v.string(), writtenAs({ isList: true }));
/** Lines as `helm --set` takes them. */
export const setLines = v.pipe(
  linesMatching(/^[^=\s][^=]*=/, 'is not key=value, one a line'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const line of dataset.value) {
      const read = readSetLine(line);
      if ('problem' in read) addIssue({ message: `${read.problem} (${line.slice(0, line.indexOf('='))}=…)` });
    }
  }),
);
/** A memory quantity of Kubernetes in bytes. */
export const bytes = v.pipe(
  v.string(),
  writtenAs({ pattern: bytesPattern.source }),
  v.transform((text) => parseBytes(text)),
  found('is not a size; write it as 512Mi or 5Gi'),
);
export const dnsLabel = matching(
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  'is not a Kubernetes name: small letters, digits and dashes, at most 63',
);
export const quantity = matching(
  /^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/,
  'is not a Kubernetes quantity; write memory as 512Mi or 2Gi, cpu as 500m or 2',
);
/** An image's name as containers' runtimes take it (the grammar of github.com/distribution/reference). */
const imageNamePattern =
  /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;
export const imageName = matching(
  imageNamePattern,
  'is not an image name; write it in small letters as registry/name:tag or name@sha256:…',
);
export const imageNames = linesMatching(
  imageNamePattern,
  'holds a line that is not an image name; write one a line, in small letters',
);
export const version = matching(/^v?\d+\.\d+\.\d+$/, 'is not a version; write it as v1.2.3');
export const words = v.pipe(
  v.string(),
  writtenAs({ isList: true }),
  v.transform((text) => readWords(text)),
  found('is neither a YAML list of strings nor a line with its quotes closed'),
);
export const absolutePath = v.pipe(
  matching(/^\/[^:\s]+$/, 'is not an absolute path in the container, such as /results'),
  v.check(
    (text) => path.posix.normalize(text) === text,
    'is not a plain absolute path: no "..", no double or final slash',
  ),
);
export const volumeLines = v.pipe(
  linesMatching(
    /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?=\/[^:\s]+(:ro|:rw)?$/,
    'is not CLAIM=/path or CLAIM=/path:ro, one a line',
  ),
  v.transform((all): VolumeMount[] =>
    all.map((line) => {
      const [claimName, target] = [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)];
      return { claimName, mountPath: target.replace(/:r[ow]$/, ''), readOnly: target.endsWith(':ro') };
    }),
  ),
);

/** `toJSON(needs)` of a workflow: the result of each job that this one waited for. */
export const jobResults = v.pipe(
  v.string(),
  v.transform((text) => readJobResults(text)),
  found('is not what toJSON(needs) gives: an object of jobs with their "result"'),
);

/** Which leg of a matrix a job is. */
export interface LegOfMatrix {
  /** Its values as JSON; empty without a matrix. */
  matrix: string;
  /** How many legs the job has, this one included. */
  legs: number;
}

/** What action.yml fills in: `{"matrix": toJSON(matrix), "legs": "strategy.job-total"}`. */
export const legOfMatrix = v.pipe(
  v.string(),
  v.transform((text) => readLegOfMatrix(text)),
  found('is filled in by action.yml; leave it out'),
);

function readLegOfMatrix(text: string): LegOfMatrix | undefined {
  try {
    const shape = v.object({ matrix: v.nullable(v.record(v.string(), v.unknown())), legs: v.string() });
    const parsed = v.safeParse(shape, JSON.parse(text));
    if (!parsed.success) return undefined;
    const { matrix, legs } = parsed.output;
    // A runner that reports no number of matrix jobs: then this one is the only one known.
    return {
      matrix: matrix === null || Object.keys(matrix).length === 0 ? '' : JSON.stringify(matrix),
      legs: Math.max(1, Number(legs) || 1),
    };
  } catch {
    return undefined;
  }
}

function readJobResults(text: string): Record<string, { result: string }> | undefined {
  try {
    const parsed = v.safeParse(v.record(v.string(), v.object({ result: v.string() })), JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

export const mirrorLines = v.pipe(
  lines,
  v.rawTransform(({ dataset, addIssue, NEVER }): RegistryMirror[] => {
    const mirrors = dataset.value.map(readMirror);
    const wrong = mirrors.find((mirror) => typeof mirror === 'string');
    if (wrong === undefined) return mirrors as RegistryMirror[];
    addIssue({ message: wrong });
    return NEVER;
  }),
);

/** One line `registry=address`, or what is wrong with it. */
function readMirror(line: string): RegistryMirror | string {
  const [name, address] = [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()];
  const registry = /^(index\.docker\.io|registry-1\.docker\.io)$/.test(name) ? 'docker.io' : name;
  if (!/^(\*|[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?)$/.test(registry))
    return 'is not registry=address, one a line, as in docker.io=http://10.0.0.5:5000; * stands for every other registry';
  if (!/^https?:\/\/[^\s"\\]+$/.test(address) || !URL.canParse(address))
    return `gives ${registry} a mirror that is no http(s) address; write it as ${registry}=http://10.0.0.5:5000`;
  const url = new URL(address);
  if (url.username !== '' || url.password !== '')
    return `gives ${registry} a mirror with a password in its address; "docker login ${url.host}" is the place for that`;
  if (url.search !== '' || url.hash !== '') return `gives ${registry} a mirror whose address holds ? or #`;
  return { registry, address: trimEndOf(address, '/') };
}

/** A YAML list of strings, or one line split as a POSIX shell would; undefined when it is neither. */
function readWords(text: string): string[] | undefined {
  try {
    if (!/^\s*(\[|- )/.test(text)) return splitWords(text);
    const list = readYaml(text, 'as-written').value;
    const isList =
      Array.isArray(list) && list.every((word) => typeof word === 'string' || word instanceof WrittenScalar);
    return isList ? list.map(String) : undefined;
  } catch {
    return undefined;
  }
}
