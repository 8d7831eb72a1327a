/** One process of many that install kind at the same moment: prints its source, or why it failed. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { provideTool } from '../../src/tools/install-tool.ts';
import { runProgram } from '../../src/tools/run-program.ts';

const [mirror, checksumsPath] = process.argv.slice(2) as [string, string];
const signal = new AbortController().signal;
const directory = mkdtempSync(path.join(tmpdir(), 'fill-'));
const said: string[] = [];
const say = (line: string) => said.push(line);
const tool = await provideTool({ name: 'kind', version: undefined, mirror, checksumsPath, directory, signal, say });
const run = tool.ok ? await runProgram(tool.value.path, ['whole'], { signal }) : undefined;
process.stdout.write(
  JSON.stringify({ source: tool.ok ? tool.value.source : tool.failure.reason, output: run?.stdout, said }),
);
