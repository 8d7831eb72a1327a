/** The last screen of a run on a terminal. */
import type { ReportInput } from './report-input.ts';

/** Lines without line breaks; `colour` adds ANSI colours of our own. */
export declare function renderTerminal(input: ReportInput, options?: { colour?: boolean; maxTests?: number }): string[];
