import { messageOf } from '../core/outcome.ts';

/**
 * A call to the API server that failed: refused by the server (`status` is set) or never answered (`code` is set).
 * Its message is one line.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status of the answer; undefined when there was none. */
  readonly status: number | undefined;
  /** `reason` of the Status object in the answer, e.g. `NotFound`, `AlreadyExists`; empty when there was none. */
  readonly reason: string;
  /** Code of the failure below HTTP, e.g. `ECONNREFUSED`, or `DEADLINE` for our own; empty when there was an answer. */
  readonly code: string;
  /** Whether the same call may succeed later without any fix. */
  readonly retryable: boolean;

  constructor(
    message: string,
    details: {
      status?: number | undefined;
      reason?: string;
      code?: string;
      retryable: boolean;
      cause?: unknown;
    },
  ) {
    super(message, { cause: details.cause });
    this.status = details.status;
    this.reason = details.reason ?? '';
    this.code = details.code ?? '';
    this.retryable = details.retryable;
  }
}

/** What a machine that is away, starting or overloaded answers, in place of what was asked. */
const passingStatuses: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

const passingCodes: ReadonlySet<string> = new Set([
  'DEADLINE',
  'SILENCE',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  // Thrown by TLS when the other side hangs up during the handshake, as an API server that is starting does.
  'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
  'UND_ERR_ABORTED',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** The error for an answer other than 2xx. `body` is its content, of any form. */
export function answerToApiError(status: number, body: string): ApiError {
  const words = parseStatus(body);
  return new ApiError(toLine(words.message ?? (body.trim() === '' ? `HTTP status ${status}` : body)), {
    status,
    reason: words.reason ?? '',
    retryable: passingStatuses.has(status),
  });
}

/** Any error of a call, as an `ApiError`. Not for aborts by a caller's signal, which are no failure of the API. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const code = codeOf(error);
  return new ApiError(toLine(messageOf(error)), { code, retryable: passingCodes.has(code), cause: error });
}

/** A Status object, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
function parseStatus(body: string): { message?: string; reason?: string } {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null) return {};
    const { message, reason } = parsed as { message?: unknown; reason?: unknown };
    return {
      ...(typeof message === 'string' && message !== '' ? { message } : {}),
      ...(typeof reason === 'string' ? { reason } : {}),
    };
  } catch {
    // A proxy, or a server that is starting, answers with plain text or HTML.
    return {};
  }
}

/** The first code on the way down the causes: fetch and undici wrap, and a name with two addresses gives an AggregateError. */
function codeOf(error: unknown): string {
  for (let one = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth += 1) {
    const code = (one as NodeJS.ErrnoException).code;
    if (typeof code === 'string') return code;
    if (one instanceof AggregateError) return codeOf(one.errors[0]);
  }
  return '';
}

function toLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= 500 ? line : `${line.slice(0, 499)}…`;
}
