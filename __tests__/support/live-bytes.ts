import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * @returns the bytes this process holds, buffers outside of the heap included, after a garbage collection. The resident set is
 * less exact: it includes garbage, of which a busy machine leaves more.
 */
export function liveBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
