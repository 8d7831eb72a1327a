/** The identity of a run in a distributed trace, as W3C Trace Context and OpenTelemetry know it. */
import { createHash } from 'node:crypto';

export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** The span around the run, 16 hexadecimal digits; absent where the run begins its trace. */
  parentSpanId?: string;
  /** Sets the spans of this run apart from those of other runs in the same trace. */
  runId: string;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header; later versions may add fields. */
const traceparent = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-|$)/;

/**
 * The trace of a run: that of `TRACEPARENT`, or else one that is derived only from the workflow run and its attempt, so that
 * all jobs of a matrix are in one trace; outside of a workflow one of its own.
 */
export function traceOf(runId: string, env: NodeJS.ProcessEnv): TraceContext {
  const [, traceId, parentSpanId] = traceparent.exec(env.TRACEPARENT ?? '') ?? [];
  if (traceId !== undefined && parentSpanId !== undefined) return { traceId, parentSpanId, runId };
  const { GITHUB_SERVER_URL = '', GITHUB_REPOSITORY = '', GITHUB_RUN_ID = '', GITHUB_RUN_ATTEMPT = '1' } = env;
  const workflow =
    GITHUB_RUN_ID === '' ? runId : [GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_RUN_ATTEMPT].join(' ');
  return { traceId: digest(`trace ${workflow}`, 32), runId };
}

/** The id of a span of a run, from what it is about. */
export function spanIdOf({ traceId, runId }: TraceContext, what: string): string {
  return digest(`span ${traceId} ${runId} ${what}`, 16);
}

/** What is given to the tests as TRACEPARENT: spans of the platform that they cause are then below the phase `tests`. */
export function traceparentOfTests(trace: TraceContext): string {
  return `00-${trace.traceId}-${spanIdOf(trace, testsSpan)}-01`;
}

/** What the span of the phase `tests` is about. */
export const testsSpan = 'phase tests';

function digest(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
