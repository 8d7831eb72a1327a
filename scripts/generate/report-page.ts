import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';

/**
 * The module `src/report/report-page.ts`: style and script of report.html as strings, from the typed and linted files in
 * `src/report/page/`. The style loses its white space. The script is compiled and not minified, so that a reader of a report
 * can read it.
 */
export function renderReportPage(): string {
  const page = new URL('../../src/report/page/', import.meta.url);
  const style = readFileSync(new URL('page.css', page), 'utf8').replace(/^\/\*.*\*\/\n/, '');
  const css = transformSync(style, { loader: 'css', minifyWhitespace: true, charset: 'utf8' });
  const source = readFileSync(new URL('page.ts', page), 'utf8');
  const { code } = transformSync(source, { loader: 'ts', target: 'es2022', charset: 'utf8' });
  return [
    '/** Style and script of report.html. Written by "npm run generate" from src/report/page/. */',
    `export const pageStyle = ${JSON.stringify(`\n${css.code}`)};`,
    `export const pageScript = ${JSON.stringify(`\n'use strict';\n${code}`)};`,
    '',
  ].join('\n');
}
