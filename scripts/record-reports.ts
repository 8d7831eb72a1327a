/**
 * Records what real test tools write: `node scripts/record-reports.ts [id …]` runs each of their suites and keeps report, log
 * and exit code under `__tests__/junit/recorded/<id>/`. The tools must be on the PATH (`TOOLS` names more directories of
 * programs, separated by colons, and `NODE_MODULES` the directory of npm's packages); `--packages` prints what to install, and
 * `--table` writes the table of docs/reports.md from what is recorded.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { compiledRecordings } from './record-reports/compiled-recordings.ts';
import { furtherRecordings } from './record-reports/further-recordings.ts';
import { javaRecordings } from './record-reports/java-recordings.ts';
import { javascriptRecordings } from './record-reports/javascript-recordings.ts';
import { judgeRecording, listRecordings, recordedDir } from './record-reports/judge-recording.ts';
import { pythonRecordings } from './record-reports/python-recordings.ts';
import type { Recording } from './record-reports/recording.ts';
import { putTable, renderReportsTable } from './record-reports/reports-table.ts';

const recordings = [
  ...pythonRecordings,
  ...javascriptRecordings,
  ...compiledRecordings,
  ...javaRecordings,
  ...furtherRecordings,
];
const fixtures = recordedDir;
const page = path.join(import.meta.dirname, '../docs/reports.md');
const env: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [...(process.env.TOOLS ?? '').split(':').filter(Boolean), process.env.PATH ?? ''].join(':'),
  LANG: 'C.UTF-8',
  NO_COLOR: '1',
  FORCE_COLOR: '0',
  CI: 'true',
};

/** The directory of the tools is removed; traces contain it also relative to the suite. */
const toolPlaces = [...(process.env.TOOLS ?? '').split(':'), process.env.NODE_MODULES ?? '']
  .filter(Boolean)
  .map((place) => path.dirname(place))
  .flatMap((place) => [
    [place, '/tools'],
    [path.relative(path.join(tmpdir(), 'record', 'suite'), place), '../tools'],
  ]);

/** Runs one suite and replaces its fixture. */
function record({ id, tool, version, files, command, prepare }: Recording): void {
  const root = mkdtempSync(path.join(tmpdir(), 'record-'));
  const [suite, results] = [path.join(root, 'suite'), path.join(root, 'results')] as const;
  mkdirSync(results);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(suite, name)), { recursive: true });
    writeFileSync(path.join(suite, name), text);
  }
  if (process.env.NODE_MODULES !== undefined && 'package.json' in files)
    symlinkSync(process.env.NODE_MODULES, path.join(suite, 'node_modules'));
  const shell = (line: string) =>
    spawnSync('bash', ['-c', line], { cwd: suite, env: { ...env, R: results }, encoding: 'utf8', timeout: 540_000 });
  if (prepare !== undefined) {
    const prepared = shell(prepare);
    if (prepared.status !== 0) throw new Error(`${id}: ${prepared.stderr}`);
  }
  const said = stripVTControlCharacters(shell(version).stdout).trim().replaceAll('\n', ', ').replaceAll(root, '');
  const ended = shell(`{ ${command}\n} 2>&1`);
  const scrub = (text: string) =>
    [...toolPlaces, [results, '/results'], [suite, '/app'], [root, ''], [hostname(), 'runner']].reduce(
      (scrubbed, [from, to]) => scrubbed.replaceAll(from!, to!),
      text,
    );
  const fixture = path.join(fixtures, id);
  rmSync(fixture, { recursive: true, force: true });
  mkdirSync(path.join(fixture, 'results'), { recursive: true });
  for (const name of readdirSync(results, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(xml|json|tap|trx)$/.test(name)) continue;
    mkdirSync(path.dirname(path.join(fixture, 'results', name)), { recursive: true });
    writeFileSync(path.join(fixture, 'results', name), scrub(readFileSync(path.join(results, name), 'utf8')));
  }
  writeFileSync(path.join(fixture, 'log.txt'), scrub(ended.stdout));
  // A shell gives a program that a signal ended 128 and its number.
  const exitCode = ended.status ?? 137;
  const content = { tool, version: said, command: command.replaceAll('$R', '/results'), exitCode };
  writeFileSync(path.join(fixture, 'recording.json'), `${JSON.stringify(content, null, 2)}\n`);
  rmSync(root, { recursive: true, force: true });
  console.log(`${id}: exit code ${exitCode}, ${readdirSync(path.join(fixture, 'results')).join(' ') || 'no report'}`);
}

const wanted = process.argv.slice(2);
if (wanted[0] === '--packages') for (const { id, packages } of recordings) console.log(id, JSON.stringify(packages));
else if (wanted[0] === '--table') {
  const judged = await Promise.all(listRecordings().map(judgeRecording));
  writeFileSync(page, putTable(readFileSync(page, 'utf8'), renderReportsTable(judged)));
} else {
  if (!existsSync(fixtures)) mkdirSync(fixtures, { recursive: true });
  for (const one of recordings) if (wanted.length === 0 || wanted.includes(one.id)) record(one);
}
