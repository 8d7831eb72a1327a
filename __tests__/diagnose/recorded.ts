import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Diagnosis } from '../../src/diagnose/diagnosis.ts';
import type { NamespaceFacts } from '../../src/diagnose/namespace-facts.ts';
import { Patience } from '../../src/diagnose/patience.ts';

/** Recorded data of a fault in a real cluster (scripts/record-faults.ts), as the watch would have it. */
export function recorded(fault: string): NamespaceFacts {
  return JSON.parse(
    readFileSync(path.join(import.meta.dirname, 'fixtures', `${fault}.json`), 'utf8'),
  ) as NamespaceFacts;
}

/** When facts that stay as they are end a wait, and with what; undefined when they do not within ten minutes. */
export function judgeStanding(facts: NamespaceFacts): { afterSeconds: number; diagnosis: Diagnosis } | undefined {
  const patience = new Patience();
  for (let seconds = 0; seconds < 600; seconds += 1) {
    const diagnosis = patience.judge(facts, seconds, () => true);
    if (diagnosis !== undefined) return { afterSeconds: seconds, diagnosis };
  }
  return undefined;
}
