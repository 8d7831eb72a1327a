import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReportInput } from '../core/report-model.ts';
import { renderCtrf } from './ctrf-json.ts';
import { renderReportHtml } from './report-html.ts';
import { renderResultJson } from './result-json.ts';
import { renderSummary } from './summary-markdown.ts';

/** Where the renderings of a verdict go. */
export interface ReportPaths {
  resultJson: string;
  summary: string;
  reportHtml: string;
  ctrfJson: string;
}

/** Writes the verdict in its lasting forms. `result.json` comes last: whoever sees it finds the others complete. */
export async function writeReport(
  input: ReportInput,
  paths: ReportPaths,
  summary: string = renderSummary(input),
): Promise<void> {
  await writeFile(paths.summary, summary);
  await pipeline(Readable.from(renderReportHtml(input)), createWriteStream(paths.reportHtml));
  await pipeline(Readable.from(renderCtrf(input)), createWriteStream(paths.ctrfJson));
  await writeFile(paths.resultJson, renderResultJson(input.verdict, input));
}
