/** The content of `result.json`. */
import type { Verdict } from '../outcome.ts';

/** JSON with the key order of interface.md and a line break at the end. */
export declare function renderResultJson(verdict: Verdict): string;
