/** Exports a run to an OpenTelemetry collector. */
import { EnvHttpProxyAgent, request } from 'undici';
import { messageOf, toOneLine } from '../core/outcome.ts';
import type { ReportInput } from '../core/report-model.ts';
import { type TraceContext, traceOf, traceparentOfTests } from '../core/trace-context.ts';
import { renderOtlp } from '../report/otlp-trace.ts';

/** For all requests of a run together. */
const exportMilliseconds = 10_000;
/** A cancelled step has a few seconds to live. */
const cancelledMilliseconds = 1000;

/**
 * Where traces go; undefined for nowhere. By the rules of OpenTelemetry's specification, with the input as the base address.
 */
export function traceEndpoint(input: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  if (input === undefined && (env.OTEL_SDK_DISABLED ?? '').toLowerCase() === 'true') return undefined;
  const whole = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  if (input === undefined && whole !== undefined && whole !== '') return whole;
  const base = input ?? env.OTEL_EXPORTER_OTLP_ENDPOINT ?? '';
  return base === '' ? undefined : `${base.replace(/\/$/, '')}/v1/traces`;
}

/** The variables of the tests, with the trace that they belong to unless they have one, where the run is in a trace. */
export function withTraceparent(
  variables: [string, string][],
  trace: TraceContext,
  isInTrace: boolean,
): [string, string][] {
  if (!isInTrace || variables.some(([name]) => name === 'TRACEPARENT')) return variables;
  return [...variables, ['TRACEPARENT', traceparentOfTests(trace)]];
}

/** Whether a run is in a trace: its own is sent, or something around it has one. */
export function isTraced(input: string | undefined, env: NodeJS.ProcessEnv): boolean {
  return traceEndpoint(input, env) !== undefined || traceOf('', env).parentSpanId !== undefined;
}

/**
 * Sends a run. Never throws, and changes nothing about the run.
 * @param report masked.
 * @returns why it could not be sent, one line; undefined when it was.
 */
export async function exportTrace(
  report: ReportInput,
  options: { endpoint: string; trace: TraceContext; env: NodeJS.ProcessEnv; isCancelled: boolean },
): Promise<string | undefined> {
  const { endpoint, trace, env, isCancelled } = options;
  const signal = AbortSignal.timeout(isCancelled ? cancelledMilliseconds : exportMilliseconds);
  // HTTPS_PROXY and NO_PROXY count, as they do for downloads.
  const dispatcher = new EnvHttpProxyAgent();
  try {
    const headers = { 'content-type': 'application/json', ...readHeaders(env) };
    for (const body of renderOtlp(report, trace)) {
      const answer = await request(endpoint, { method: 'POST', headers, body, signal, dispatcher });
      const text = await answer.body.text();
      if (answer.statusCode < 200 || answer.statusCode > 299)
        return describeProblem(endpoint, `it answered ${answer.statusCode} ${toOneLine(text, 200)}`.trim());
    }
    return undefined;
  } catch (error) {
    return describeProblem(endpoint, signal.aborted ? 'it did not answer in time' : messageOf(error));
  } finally {
    await dispatcher.destroy();
  }
}

/** Names only the host: a path or a user may contain a token. */
function describeProblem(endpoint: string, why: string): string {
  const host = URL.canParse(endpoint) ? new URL(endpoint).host : 'the address';
  return toOneLine(`the trace of this run was not exported to ${host}: ${why}`);
}

/** `key=value` pairs with commas between them, percent-encoded. */
function readHeaders(env: NodeJS.ProcessEnv): Record<string, string> {
  const written = env.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? env.OTEL_EXPORTER_OTLP_HEADERS ?? '';
  const pairs = written.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at <= 0 ? [] : [[pair.slice(0, at).trim().toLowerCase(), decodeURIComponent(pair.slice(at + 1).trim())]];
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}
