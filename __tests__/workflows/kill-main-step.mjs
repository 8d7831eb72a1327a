/**
 * Waits until the tests of the action's step have begun, then kills the program of its main step as a machine out of memory
 * would: without a chance to clean up. Prints the name of the cluster that is left behind.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

writeFileSync(process.env.KILLER_WAITS, '');
// They write to the runner's disk.
const begun = path.join(process.env.GITHUB_WORKSPACE, 'k8s-test-results/integration/results/begun');
const deadline = Date.now() + 12 * 60_000;
while (!existsSync(begun)) {
  if (Date.now() > deadline) throw new Error(`no tests have begun in ${process.env.GITHUB_WORKSPACE}`);
  await wait(200);
}
// With the temporary files of GitHub's own runner, which is thrown away, or with the state of its user.
const directory = [process.env.RUNNER_TEMP, path.join(process.env.HOME, '.local/state')]
  .map((parent) => path.join(parent, 'k8s-test-action'))
  .find((one) => existsSync(one));
// Other jobs of this user, beside this one, have their records there too.
const ownWorkspace = `GITHUB_WORKSPACE=${process.env.GITHUB_WORKSPACE}`;
const isOfThisJob = ({ pid }) => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(ownWorkspace);
  } catch {
    // It has ended meanwhile.
    return false;
  }
};
const record = readdirSync(directory)
  .filter((name) => name.endsWith('.run.json'))
  .map((name) => JSON.parse(readFileSync(path.join(directory, name), 'utf8')))
  .find(isOfThisJob);
process.kill(record.pid, 'SIGKILL');
process.stdout.write(record.made.find((thing) => thing.kind === 'cluster').name);
