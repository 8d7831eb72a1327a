import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';

/** Where a helper in the test container writes the stacks of its threads on SIGTERM. */
const stacksPath = path.join('.k8s-test', 'stacks.txt');
/** A suite of hundreds of threads must not fill the report. */
const maxBytes = 16 * 1024;
const maxLines = 120;

/**
 * The stacks of the Python process at the moment of SIGTERM, as one block of evidence; none when there are none.
 */
export async function readStacks(writtenDir: string): Promise<string[]> {
  // Of a shard that left nothing there is no directory.
  const root = await realpath(writtenDir).catch(() => undefined);
  if (root === undefined) return [];
  const expected = path.join(root, stacksPath);
  // The tests may have put anything there: a link that leads out of the results, or a pipe without a writer.
  if ((await realpath(expected).catch(() => undefined)) !== expected) return [];
  const file = await open(expected, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(
    () => undefined,
  );
  if (file === undefined) return [];
  try {
    if (!(await file.stat()).isFile()) return [];
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    const lines = new StringDecoder('utf8').write(buffer.subarray(0, bytesRead)).trim().split('\n');
    const isCut = bytesRead === maxBytes || lines.length > maxLines;
    const text = lines.slice(0, maxLines).join('\n');
    return text === '' ? [] : [`stacks when the tests were asked to stop:\n${text}${isCut ? '\n…' : ''}`];
  } finally {
    await file.close();
  }
}
