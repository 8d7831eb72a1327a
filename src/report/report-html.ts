/** The report a person opens: one HTML file that needs no network. */
import type { ReportInput } from './report-input.ts';

/** The file in pieces, so that it can be streamed to disk. */
export declare function renderReportHtml(input: ReportInput): Iterable<string>;
