import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Verdict } from '../core/outcome.ts';
import type { ReportInput } from '../core/report-model.ts';
import { writeOwnFile } from '../core/write-own-file.ts';
import { renderCtrf } from './ctrf-json.ts';
import { renderReportHtml } from './report-html.ts';
import { type BesideVerdict, renderResultJson } from './result-json.ts';
import { renderSummary } from './summary-markdown.ts';

/** The paths for the renderings of a verdict. */
export interface ReportPaths {
  resultJson: string;
  summary: string;
  reportHtml: string;
  ctrfJson: string;
}

/** Writes the verdict in its lasting forms. `result.json` is written last: when it exists, the others are complete. */
export async function writeReport(
  input: ReportInput,
  paths: ReportPaths,
  summary: string = renderSummary(input),
): Promise<void> {
  await writeFile(paths.summary, summary);
  await pipeline(Readable.from(renderReportHtml(input)), createWriteStream(paths.reportHtml));
  await pipeline(Readable.from(renderCtrf(input)), createWriteStream(paths.ctrfJson));
  await writeResultJson(paths, input.verdict, input);
}

/**
 * Writes `result.json`, which nothing else writes, in one step: readers see the former one or this one.
 * @throws the error of the file system; the former one is then unchanged.
 */
export function writeResultJson(
  { resultJson }: Pick<ReportPaths, 'resultJson'>,
  verdict: Verdict,
  beside: BesideVerdict = {},
): Promise<void> {
  return writeOwnFile(resultJson, renderResultJson(verdict, beside));
}
