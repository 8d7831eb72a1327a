/** A run as spans in OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). */
import type { TestCase, Verdict } from '../core/outcome.ts';
import type { ReportedIncident, ReportInput } from '../core/report-model.ts';
import { spanIdOf, type TraceContext, testsSpan } from '../core/trace-context.ts';
import { failedTests } from './describe-tests.ts';
import { toPlainLine } from './inert-text.ts';
import { nameContainer } from './usage.ts';

/** Collectors refuse requests of more than a few megabytes. */
const spansPerRequest = 500;
/** Beyond it the slowest tests and those that failed are sent. */
const maxTests = 5000;

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** SPAN_KIND_INTERNAL. */
  kind: 1;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: object[];
  /** 2 is an error. */
  status: { code?: 2; message?: string };
}

/**
 * The bodies of the requests that export a run to a collector: the run, its phases below it, tests below the phase `tests`, and
 * incidents of the platform below the run. A test without a time of its own begins with its phase.
 * @param input masked.
 */
export function* renderOtlp(input: ReportInput, trace: TraceContext): Generator<string> {
  const { verdict, tests, incidents = [], phases = [], startedAt = '' } = input;
  const start = Date.parse(startedAt);
  if (Number.isNaN(start)) return;
  const startOf = (name: string) => phases.find((phase) => phase.name === name)?.startSeconds ?? 0;
  const spans: Span[] = [
    describeRun(verdict, trace, start),
    ...phases.map(({ name, outcome, seconds, startSeconds }) =>
      span(trace, {
        what: `phase ${name}`,
        parent: 'run',
        name,
        from: start + startSeconds * 1000,
        seconds,
        attributes: { 'k8s_test.phase.outcome': outcome },
        ...(outcome === 'failed' ? { error: verdict.failure?.reason ?? `${name} failed` } : {}),
      }),
    ),
    ...chooseTests(tests).map((test, i) => describeTest(test, i, trace, start + startOf('tests') * 1000)),
    ...incidents.map((incident, i) => describeIncident(incident, i, trace)),
  ];
  for (let at = 0; at < spans.length; at += spansPerRequest)
    yield JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: attributesOf(resourceOf(verdict)) },
          scopeSpans: [{ scope: { name: 'k8s-test' }, spans: spans.slice(at, at + spansPerRequest) }],
        },
      ],
    });
}

function resourceOf({ tier, cluster }: Verdict): Attributes {
  return {
    'service.name': 'k8s-test',
    'k8s_test.tier': tier,
    ...(cluster === null ? {} : { 'k8s.cluster.name': cluster.name, 'k8s.namespace.name': cluster.namespace }),
  };
}

function describeRun(verdict: Verdict, trace: TraceContext, from: number): Span {
  const { outcome, failure, tests, tier, durationSeconds } = verdict;
  return span(trace, {
    what: 'run',
    parent: undefined,
    name: `k8s-test ${tier}`,
    from,
    seconds: durationSeconds,
    attributes: {
      'cicd.pipeline.result': { passed: 'success', failed: 'failure', broken: 'error', cancelled: 'cancellation' }[
        outcome
      ],
      'k8s_test.tests.total': tests.total,
      'k8s_test.tests.failed': tests.failed + tests.errors,
      ...(failure === null ? {} : { 'error.type': failure.code ?? failure.kind }),
    },
    ...(failure === null ? {} : { error: failure.reason }),
  });
}

/** All failed tests, and the slowest of the others. */
function chooseTests(tests: readonly TestCase[]): TestCase[] {
  if (tests.length <= maxTests) return [...tests];
  const red = new Set(failedTests(tests));
  const others = tests.filter((test) => !red.has(test)).sort((a, b) => b.seconds - a.seconds);
  return [...red, ...others].slice(0, maxTests);
}

function describeTest(test: TestCase, index: number, trace: TraceContext, phaseStart: number): Span {
  const { suite, name, classname, file, line, seconds, endedAt, status, message, flakyRuns } = test;
  const end = Date.parse(endedAt ?? '');
  const isRed = status === 'failed' || status === 'error';
  return span(trace, {
    // Names repeat: reruns, parameters, projects.
    what: `test ${index} ${suite} ${classname} ${name}`,
    parent: testsSpan,
    name: toPlainLine(name, 300) || '(no name)',
    from: Number.isNaN(end) ? phaseStart : end - seconds * 1000,
    seconds,
    attributes: {
      'test.case.name': name,
      'test.suite.name': suite,
      'test.case.result.status': { passed: 'pass', failed: 'fail', error: 'fail', skipped: 'skipped' }[status],
      ...(classname === '' ? {} : { 'code.namespace': classname }),
      ...(file === undefined ? {} : { 'code.file.path': file }),
      ...(line === undefined ? {} : { 'code.line.number': line }),
      ...(flakyRuns === undefined ? {} : { 'k8s_test.flaky_runs': flakyRuns }),
    },
    ...(isRed ? { error: message } : {}),
  });
}

function describeIncident(incident: ReportedIncident, index: number, trace: TraceContext): Span {
  const { at, pod, container, what } = incident;
  return span(trace, {
    what: `incident ${index} ${at} ${pod} ${container}`,
    parent: 'run',
    name: `${nameContainer({ pod, container })} ${toPlainLine(what, 200)}`,
    from: Date.parse(at),
    seconds: 0,
    attributes: { 'k8s.pod.name': pod, 'k8s.container.name': container },
    error: what,
  });
}

type Attributes = Record<string, string | number>;

interface SpanFacts {
  what: string;
  /** What the span above is about; undefined for that of the run. */
  parent: string | undefined;
  name: string;
  /** Milliseconds of the epoch. */
  from: number;
  seconds: number;
  attributes: Attributes;
  error?: string;
}

function span(trace: TraceContext, { what, parent, name, from, seconds, attributes, error }: SpanFacts): Span {
  const parentSpanId = parent === undefined ? trace.parentSpanId : spanIdOf(trace, parent);
  return {
    traceId: trace.traceId,
    spanId: spanIdOf(trace, what),
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: 1,
    startTimeUnixNano: toNanoseconds(from),
    endTimeUnixNano: toNanoseconds(from + Math.max(0, seconds) * 1000),
    attributes: attributesOf(attributes),
    status: error === undefined ? {} : { code: 2, message: toPlainLine(error, 1000) },
  };
}

function attributesOf(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    // Numbers of 64 bits are text in this encoding.
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: toPlainLine(value, 1000) },
  }));
}

function toNanoseconds(milliseconds: number): string {
  const whole = Number.isFinite(milliseconds) ? Math.max(0, Math.round(milliseconds * 1000)) : 0;
  return `${BigInt(whole) * 1000n}`;
}
