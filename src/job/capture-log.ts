import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { KubeConnection } from '../kube/connection.ts';
import { followLog } from '../kube/log-stream.ts';
import type { SecretMask } from '../secret-mask.ts';

export interface CaptureOptions {
  connection: KubeConnection;
  namespace: string;
  pod: string;
  container: string;
  /** Where the log goes, byte for byte but for secrets. */
  file: string;
  /** Secrets never reach the file. */
  mask: SecretMask;
  /** Shown to the reader, a line at a time, until `shownBytes` are shown. */
  quote: (line: string) => void;
  /** Told when the log cannot be read for a while. */
  warn: (text: string) => void;
  signal: AbortSignal;
  /** Whether the container is known to have ended, so that the end of the stream is the end of the log. */
  hasEnded: () => boolean;
}

export interface LogCapture {
  bytes: number;
  /** What is missing from the file, a line each; empty when it is complete. */
  gaps: string[];
}

/** More than this of a log helps nobody on a console; the file has all of it. */
const shownBytes = 4 * 1024 * 1024;
const shownLineChars = 4000;

/** Follows the log of a container into a file and onto the console until the container has ended. */
export async function captureLog(options: CaptureOptions): Promise<LogCapture> {
  await mkdir(path.dirname(options.file), { recursive: true });
  const file = await open(options.file, 'w');
  const gaps: string[] = [];
  const masked = options.mask.openStream();
  // A full disk must not end the run, which may be minutes from its verdict: the file says where it ends.
  const save = async (bytes: Buffer) => {
    if (gaps.length > 0 || bytes.length === 0) return;
    await file.writeFile(bytes).catch((error: unknown) => gaps.push(`its file could not be written further: ${error}`));
  };
  const show = showLines(options.quote, options.file);
  try {
    const followed = await followLog({
      connection: options.connection,
      namespace: options.namespace,
      pod: options.pod,
      container: options.container,
      signal: options.signal,
      ended: options.hasEnded,
      onTrouble: options.warn,
      onChunk: async (chunk) => {
        const bytes = masked.push(chunk);
        show(bytes);
        await save(bytes);
      },
    });
    const rest = masked.end();
    show(rest);
    await save(rest);
    gaps.push(...followed.gaps.map((gap) => gap.note));
    return {
      bytes: followed.bytes,
      gaps: gaps.map((gap) => `the log of ${options.container} is not complete: ${gap}`),
    };
  } finally {
    await file.close();
  }
}

/** Turns bytes into lines for a reader: long ones are cut, and after `shownBytes` there is only a pointer to the file. */
function showLines(quote: (line: string) => void, file: string): (chunk: Buffer) => void {
  const decoder = new StringDecoder('utf8');
  let line = '';
  let shown = 0;
  return (chunk) => {
    if (shown > shownBytes) return;
    shown += chunk.length;
    const parts = decoder.write(chunk).split('\n');
    for (const [i, part] of parts.entries()) {
      if (i > 0) {
        quote(line.replace(/\r$/, ''));
        line = '';
      }
      if (line.length < shownLineChars) line = cutLine(line + part);
    }
    if (shown > shownBytes) quote(`… the rest of the log is in ${file}`);
  };
}

function cutLine(line: string): string {
  return line.length <= shownLineChars ? line : `${line.slice(0, shownLineChars)}…`;
}
