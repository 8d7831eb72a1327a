/**
 * One run of the pipeline in a process of its own, as in the action, on the cluster that FLOE_TEST_CLUSTER describes: what
 * bench/log.ts measures. Prints nothing but the console of the run; its own numbers go to the file named first.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ActionReporter } from '../src/action/action-reporter.ts';
import type { ReadyCluster } from '../src/cluster/make-cluster.ts';
import { readInputs } from '../src/inputs/read-inputs.ts';
import { renderInputErrors } from '../src/inputs/schema.ts';
import { runTests } from '../src/pipeline/pipeline.ts';
import { RunRecord } from '../src/state/run-record.ts';

const [numbersFile, root, image, script] = process.argv.slice(2) as [string, string, string, string];
const cluster = JSON.parse(readFileSync(process.env.FLOE_TEST_CLUSTER!, 'utf8')) as ReadyCluster;
const workDir = path.join(root, 'work');
mkdirSync(workDir, { recursive: true });
const given = {
  profile: 'none',
  image,
  namespace: `bench-${path
    .basename(root)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')}`,
  command: JSON.stringify(['sh', '-c', script]),
  'results-dir': path.join(root, 'out'),
};
const read = readInputs({ given, directory: root, bundledChart: 'charts/floe-platform' });
if (read.inputs === undefined) throw new Error(renderInputErrors(read.errors).join('\n'));
const record = RunRecord.begin(path.join(root, 'records'), path.basename(root));
const { signal } = new AbortController();
const end = await runTests({ inputs: read.inputs, reporter: new ActionReporter(), signal, record, workDir, cluster });
const decidedAt = Date.now();
writeFileSync(
  numbersFile,
  JSON.stringify({
    outcome: end.verdict.outcome,
    reason: end.verdict.failure?.reason ?? '',
    warnings: end.verdict.warnings,
    logs: end.dir.logs,
    results: end.dir.results,
    decidedAt,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }),
);
process.exit();
