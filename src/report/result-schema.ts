/**
 * The shape of `result.json`, schema 1: what the roll-up reads by, and what schemas/result.schema.json is generated from. Fields are
 * only ever added.
 */
import * as v from 'valibot';
import { failureKinds } from '../core/outcome.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const about = <T extends v.GenericSchema>(schema: T, description: string) => v.pipe(schema, v.description(description));

/** `rebuilt` is the name of the contract for what is called reconstructed everywhere else. */
const counts = v.object({
  total: about(count, 'The sum of passed, failed, errors and skipped'),
  passed: count,
  failed: count,
  errors: count,
  skipped: count,
  flaky: about(count, 'Of the passed tests, those that failed before in the same run'),
  rebuilt: about(count, 'Of all tests, those recovered because the run ended before it wrote its report'),
  quarantined: v.exactOptional(about(count, 'Of the skipped tests, those that failed in quarantine')),
  notRun: v.exactOptional(about(count, 'Tests that were to run and never began; not part of the total')),
});

const failure = v.object({
  kind: about(v.picklist(failureKinds), 'The class of the failure; it decides the outcome and who acts'),
  code: v.exactOptional(about(v.string(), 'The exact cause, where code may act on more than the kind')),
  image: v.exactOptional(about(v.string(), 'The image that the failure is about')),
  reason: about(v.string(), 'One line: what broke, where, and with which numbers'),
  hint: about(v.string(), 'One line: what to do; may be empty'),
  evidence: about(v.array(v.string()), 'Lines of logs, events and states that show it'),
});

const phase = v.object({
  name: about(v.string(), 'Such as cluster, platform or tests'),
  outcome: about(v.string(), 'passed, failed or skipped'),
  seconds: v.number(),
});

const matrixJob = v.object({
  job: about(v.string(), 'Id of the job'),
  attempt: about(v.pipe(v.number(), v.integer(), v.minValue(1)), 'Attempt of the workflow run, from 1'),
  matrix: about(v.string(), 'The values of its matrix as JSON; empty without one'),
  legs: about(v.pipe(v.number(), v.integer(), v.minValue(1)), 'How many jobs that matrix has, this one included'),
  name: v.exactOptional(about(v.string(), 'The input leg-name')),
  step: v.exactOptional(about(v.string(), 'Which step of the job this was')),
});

const coverage = v.object({
  format: about(v.picklist(['Cobertura', 'JaCoCo', 'lcov', 'Go']), 'Format of the reports that were read'),
  covered: about(count, 'Lines that ran; with Go, statements'),
  total: count,
  before: v.exactOptional(
    about(v.object({ covered: count, total: count }), 'The same of the run that coverage-baseline names'),
  ),
});

const shard = v.object({
  shard: about(count, 'Counted from 0'),
  pod: about(v.string(), 'Empty where none was seen'),
  outcome: about(
    v.picklist(['passed', 'failed', 'empty', 'lost']),
    'empty: it had no test; lost: something ended it before its tests had, or kept it from beginning',
  ),
  tests: count,
  failed: count,
  seconds: v.exactOptional(about(v.number(), 'Of its test containers')),
  lostPods: v.exactOptional(
    about(v.array(v.string()), 'Pods of it that were lost; what they had not finished ran in the next'),
  ),
});

const retry = v.object({
  retry: about(v.pipe(v.number(), v.integer(), v.minValue(1)), 'Counted from 1'),
  pod: about(v.string(), 'Empty where none was seen'),
  tests: about(count, 'Failed tests that it was to run'),
  passed: about(count, 'Of them, those that passed'),
  problem: v.exactOptional(about(v.string(), 'Why it came to nothing')),
});

const trend = v.object({
  runs: about(count, 'How many earlier runs it is compared with'),
  changes: about(v.array(v.string()), 'What it changed, a line each, the most important first; 100 at most'),
});

/** A verdict. It comes from another job, so any content is possible. */
export const verdictSchema = v.object({
  schema: v.literal(1),
  outcome: about(v.picklist(['passed', 'failed', 'broken', 'cancelled']), 'What the run came to'),
  failure: about(v.nullable(failure), 'Null when the run passed'),
  tier: about(v.string(), 'unit, integration, e2e or staging; empty where no tier was known'),
  tests: counts,
  phases: about(v.array(phase), 'In the order in which they began'),
  durationSeconds: v.number(),
  cluster: v.nullable(
    v.object({
      kind: about(v.string(), 'kind or existing'),
      name: v.string(),
      namespace: v.string(),
      nodes: v.number(),
      kubernetes: about(v.string(), 'Version of Kubernetes'),
    }),
  ),
  image: v.nullable(v.object({ name: v.string(), digest: v.string() })),
  chart: v.exactOptional(
    v.object({
      name: v.string(),
      version: v.string(),
      source: v.string(),
      digest: about(v.string(), 'Of what was pulled; empty for a chart of the checkout'),
    }),
  ),
  isMasked: v.exactOptional(about(v.boolean(), 'Whether all files of the results were gone through for secrets')),
  warnings: v.array(v.string()),
  coverage: v.exactOptional(about(coverage, 'How much of the code ran, of all shards together')),
  casesLeftOut: v.exactOptional(
    about(count, 'Of the tests, those that junit.xml does not hold because there are too many'),
  ),
  shards: v.exactOptional(about(v.array(shard), 'The shards of a suite; absent for one in one piece')),
  retries: v.exactOptional(about(v.array(retry), 'Runs of the failed tests, alone in a fresh pod')),
  trend: v.exactOptional(about(trend, 'This run against those before it, with the input history')),
  leg: v.exactOptional(about(matrixJob, 'The job of a workflow that this was')),
});

const incident = v.object({
  at: about(v.string(), 'ISO 8601'),
  pod: v.string(),
  container: v.string(),
  what: about(v.string(), 'One line, such as "restarted (OOMKilled at its limit of 512Mi)"'),
  lasts: v.exactOptional(about(v.literal(true), 'Nothing was there in its place when the tests ended')),
  wasBefore: v.exactOptional(about(v.literal(true), 'It was so before the tests began')),
});

const usage = v.object({
  pod: v.string(),
  container: v.string(),
  cpuPeakCores: v.number(),
  memoryPeakBytes: v.number(),
  cpuRequestCores: v.exactOptional(v.number()),
  cpuLimitCores: v.exactOptional(v.number()),
  memoryRequestBytes: v.exactOptional(v.number()),
  memoryLimitBytes: v.exactOptional(v.number()),
});

/** The whole content of `result.json`: the verdict, and what is reported beside it. */
export const resultSchema = v.object({
  ...verdictSchema.entries,
  incidents: about(v.array(incident), 'What happened to the platform while the tests ran, in the order of time'),
  usage: about(v.array(usage), 'What each container used, against what it asked for'),
});

/** The content of `result.json`. */
export type ResultFile = v.InferOutput<typeof resultSchema>;
