/** The file that the input `quarantine` names. */

import type { QuarantineEntry } from '../core/quarantine.ts';
import { quoteValue } from '../core/quote-value.ts';
import { readYaml } from './read-yaml.ts';

const keys = ['id', 'reason', 'owner', 'expires'] as const;
const maxEntries = 1000;
/** Names of tests are cut there by the readers of reports. */
const maxIdChars = 1000;
const maxTextChars = 500;

/**
 * Reads a list of entries, each with `id`, `reason`, `owner` and `expires`. An entry that has expired is read like any other:
 * whether it counts is decided when the tests have ended. Pure.
 * @returns every problem of the file; of a file with problems no entry may be used.
 */
export function readQuarantine(text: string): { entries: QuarantineEntry[]; problems: string[] } {
  const { value, problem } = readYaml(text);
  if (problem !== undefined) return { entries: [], problems: [`is not YAML: ${problem}`] };
  if (value === null) return { entries: [], problems: [] };
  if (!Array.isArray(value))
    return { entries: [], problems: ['is not a list; write "- id: …" with reason, owner and expires for each test'] };
  if (value.length > maxEntries)
    return { entries: [], problems: [`has ${value.length} entries; ${maxEntries} at most`] };
  const problems: string[] = [];
  const entries: QuarantineEntry[] = [];
  const known = new Set<string>();
  for (const [index, one] of (value as unknown[]).entries()) {
    const read = readEntry(one, index + 1);
    problems.push(...read.problems);
    if (read.entry === undefined) continue;
    if (known.has(read.entry.id)) problems.push(`names ${quoteValue(read.entry.id)} twice; keep one of the entries`);
    known.add(read.entry.id);
    entries.push(read.entry);
  }
  return { entries, problems };
}

function readEntry(one: unknown, number: number): { entry?: QuarantineEntry; problems: string[] } {
  if (typeof one !== 'object' || one === null || Array.isArray(one))
    return { problems: [`entry ${number} is no mapping; write id, reason, owner and expires`] };
  const given = one as Record<string, unknown>;
  const about = typeof given.id === 'string' && given.id !== '' ? quoteValue(given.id) : `entry ${number}`;
  const problems = keys.flatMap((key) => {
    const why = explainText(given[key], key === 'id' ? maxIdChars : maxTextChars);
    return why === undefined ? [] : [`${about}: ${key} ${why}`];
  });
  for (const key of Object.keys(given))
    if (!keys.includes(key as (typeof keys)[number]))
      problems.push(`${about}: ${quoteValue(key)} is no key; use ${keys.join(', ')}`);
  const { id, reason, owner, expires } = given as Partial<Record<string, string>>;
  if (problems.length > 0 || id === undefined || reason === undefined || owner === undefined || expires === undefined)
    return { problems };
  if (!isDay(expires)) return { problems: [`${about}: expires is ${quoteValue(expires)}; write a day as 2026-12-31`] };
  return { entry: { id, reason, owner, expires }, problems };
}

function explainText(value: unknown, maxChars: number): string | undefined {
  if (value === undefined || value === null || value === '') return 'is missing';
  if (typeof value !== 'string') return 'is no text; put it in quotes';
  return value.length > maxChars ? `has more than ${maxChars} characters` : undefined;
}

/** Whether a text is an existing date: not `2026-02-30`. */
function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
