/** All end-to-end tests, once more, and the content of their reports. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SaxesParser } from 'saxes';
import type { Verdict } from '../../src/core/outcome.ts';
import { example, resultsDir } from './kept-platform.ts';

export interface Case {
  status: 'passed' | 'skipped' | 'red';
  needs: string[];
}

export interface TestRun {
  verdict: Verdict;
  console: string;
  /** All that the run wrote for people. */
  reports: Record<string, string>;
  /** By its name. Empty where there is no report. */
  cases: Map<string, Case>;
  seconds: number;
}

const saved = path.resolve('k8s-test-results/broken');

/** What it leaves is kept as k8s-test-results/broken/<name>. */
export async function runTests(name: string): Promise<TestRun> {
  const start = performance.now();
  const args = [path.resolve('dist/cli.js'), 'again', '--tier', 'e2e'];
  const child = spawn(process.execPath, args, { cwd: example, stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  await new Promise((resolve) => child.once('close', resolve));
  const kept = path.join(saved, name);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
  cpSync(resultsDir, kept, { recursive: true });
  const text = chunks.join('');
  writeFileSync(path.join(kept, 'console.txt'), text);
  const read = (file: string) => readFileSync(path.join(kept, file), 'utf8');
  const junit = path.join('junit', 'junit.xml');
  return {
    verdict: JSON.parse(read('result.json')) as Verdict,
    console: text,
    reports: Object.fromEntries(['result.json', 'summary.md', 'report.html'].map((file) => [file, read(file)])),
    cases: existsSync(path.join(kept, junit)) ? readCases(read(junit)) : new Map(),
    seconds: (performance.now() - start) / 1000,
  };
}

/** Of a report of pytest: how each test ended, and what it needs. */
function readCases(xml: string): Map<string, Case> {
  const cases = new Map<string, Case>();
  let current: Case | undefined;
  const parser = new SaxesParser();
  parser.on('opentag', ({ name, attributes }) => {
    if (name === 'testcase') {
      current = { status: 'passed', needs: [] };
      cases.set(`${attributes.classname}.${attributes.name}`, current);
    } else if (name === 'property' && attributes.name === 'needs') current?.needs.push(String(attributes.value));
    else if (current !== undefined && name === 'skipped') current.status = 'skipped';
    else if (current !== undefined && (name === 'failure' || name === 'error')) current.status = 'red';
  });
  parser.write(xml).close();
  return cases;
}
