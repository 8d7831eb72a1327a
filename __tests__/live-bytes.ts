import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * @returns the bytes this process holds, buffers outside of the heap included, once what nobody can reach any more is gone.
 * The resident set says less: it has the garbage too, of which a busy machine leaves more.
 */
export function liveBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
