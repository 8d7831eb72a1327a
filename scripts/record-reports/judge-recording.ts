/** What we make of a recorded run of a test tool: its tests, and the verdict. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestCase } from '../../src/core/outcome.ts';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { reconstructRun } from '../../src/reconstruct/reconstruct-run.ts';
import { closeReconstructed } from '../../src/reconstruct/reconstructed-tests.ts';
import { readCommand } from '../../src/reconstruct/tool-command.ts';
import { readToolLog } from '../../src/reconstruct/tool-log.ts';
import { nameFailedTests } from '../../src/report/describe-tests.ts';
import { collectResults } from '../../src/results/collect-results.ts';
import { findNearMisses } from '../../src/results/near-misses.ts';
import { takeFiles } from '../../src/results/take-files.ts';
import { decideVerdict, type TestVerdict } from '../../src/verdict/decide-verdict.ts';
import { causeOfEnd } from '../../src/verdict/describe-facts.ts';

/** The directory of the recordings, each in its own directory. */
export const recordedDir = path.join(import.meta.dirname, '../../__tests__/junit/recorded');

export interface JudgedRecording {
  id: string;
  tool: string;
  version: string;
  exitCode: number;
  verdict: TestVerdict;
  /** Of reading its reports. */
  warnings: string[];
  /** Of the reports. */
  cases: TestCase[];
  /** The globs of the input `junit` that it needs. */
  junitGlobs: string[];
  /** What its tests were read from: names of formats, or `log`. */
  readFrom: string[];
}

const signal = new AbortController().signal;

/** All recordings, by name. */
export function listRecordings(): string[] {
  return readdirSync(recordedDir).sort();
}

/** Judges one recording as a run of tier unit would be judged. */
export async function judgeRecording(id: string): Promise<JudgedRecording> {
  const from = path.join(recordedDir, id);
  const root = mkdtempSync(path.join(tmpdir(), 'judged-'));
  try {
    const [writtenDir, junitDir] = [path.join(root, 'results'), path.join(root, 'junit')];
    if (existsSync(path.join(from, 'results'))) cpSync(path.join(from, 'results'), writtenDir, { recursive: true });
    const said = JSON.parse(readFileSync(path.join(from, 'recording.json'), 'utf8')) as Record<string, string>;
    const exitCode = Number(said.exitCode);
    const files = existsSync(writtenDir) ? readdirSync(writtenDir) : [];
    const junitGlobs = [
      '**/*.xml',
      ...['json', 'tap', 'trx']
        .filter((one) => files.some((file) => file.endsWith(`.${one}`)))
        .map((one) => `**/*.${one}`),
    ];
    const limits = { totalBytes: 2 ** 30, files: 1000 };
    const mask = new SecretMask([]);
    const taken = await takeFiles({ directory: writtenDir, root, mask, limits, isFenced: true, signal });
    const sorting = { taken, takenDir: writtenDir, junitDir, junitGlobs, seenAs: '/results' };
    const results = await collectResults({ ...sorting, notBefore: 0, exitCode, signal });
    const { reports, unreadable, stale } = results;
    const logFile = path.join(from, 'log.txt');
    const { reconstructed, sessions } = await reconstructRun({
      reports,
      unreadable,
      notes: undefined,
      resultsDir: writtenDir,
      notBefore: 0,
      logFile,
      signal,
      isInterrupted: false,
    });
    const command = readCommand([said.command ?? '']);
    const log = await readToolLog(logFile, signal);
    const ending = {
      ranIn: 'command' as const,
      interruption: null,
      end: { exitCode },
      memoryLimit: '1Gi',
      memory: { kills: [] },
    };
    const closed = reconstructed === undefined ? undefined : closeReconstructed(reconstructed, causeOfEnd(ending));
    const cases = reports.flatMap((report) => report.cases);
    const found = await findNearMisses(path.join(from, 'results'), signal);
    const names = found
      .filter((one) => one.isReadable)
      .map(({ what }) => what.replace(/^(an?|the output of) | report.*$/g, ''));
    // JUnit beside another format is the one that is read.
    const formats = names.includes('JUnit') ? ['JUnit'] : names;
    const readFrom = [...(cases.length > 0 ? formats : []), ...(reconstructed === undefined ? [] : ['log'])];
    const verdict = decideVerdict({
      ...ending,
      reports,
      unreadable,
      stale,
      reconstructed: reconstructed &&
        closed && { ...reconstructed, counts: closed.counts, inFlight: reconstructed.inFlight.map(({ name }) => name) },
      sessions,
      failedNames: nameFailedTests([...cases, ...(reconstructed?.cases ?? [])]),
      logGaps: [],
      tool: {
        tool: log?.tool ?? command.tool,
        hasTimeout: command.hasTimeout,
        said: log?.said ?? [],
        reportsElsewhere: (log?.reportsWritten ?? []).filter((file) => !file.startsWith('/results/')),
        nearMisses: reports.length > 0 ? [] : await findNearMisses(writtenDir, signal),
        lastLines: log?.lastLines ?? [],
      },
      junitGlobs,
      resultsPath: '/results',
    });
    const { tool = '', version = '' } = said;
    const { warnings } = results;
    return { id, tool, version, exitCode, verdict, warnings, cases, junitGlobs, readFrom: [...new Set(readFrom)] };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
