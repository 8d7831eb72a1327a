/** The step summary of a run. */
import type { ReportInput } from './report-input.ts';

/** Markdown of at most `maxBytes` bytes of UTF-8; GitHub drops a summary of more than 1,024 KiB whole. */
export declare function renderSummary(input: ReportInput, maxBytes?: number): string;
