/** What a test starts as another user: takes the files in a results directory, or takes the directory for a run. */
import { SecretMask } from '../../src/core/secret-mask.ts';
import { layoutResults, releaseResultsDir, takeResultsDir } from '../../src/results/results-dir.ts';
import { takeFiles } from '../../src/results/take-files.ts';

const [, , what, root = '', fenced, secret = ''] = process.argv;
const dir = layoutResults(root);
const signal = AbortSignal.timeout(60_000);
if (what === 'begin') {
  const taken = await takeResultsDir(dir, 'unit');
  console.log(JSON.stringify(taken));
  if (taken.ok) await releaseResultsDir(dir);
} else {
  const mask = new SecretMask(secret === '' ? [] : [secret]);
  const limits = { totalBytes: 1e9, files: 1000 };
  const isFenced = fenced === 'fenced';
  console.log(JSON.stringify(await takeFiles({ directory: dir.results, root, mask, limits, isFenced, signal })));
}
