/**
 * Waits until the action has a container, then kills the program of its main step as a machine out of memory would:
 * without a chance to clean up. Prints the name of the cluster that is left behind.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const directory = path.join(process.env.RUNNER_TEMP, 'k8s-test-action');
const deadline = Date.now() + 5 * 60_000;
for (;;) {
  if (Date.now() > deadline) throw new Error(`no record with a cluster whose container runs in ${directory}`);
  const victim = findVictim();
  if (victim !== undefined) {
    process.kill(victim.pid, 'SIGKILL');
    process.stdout.write(victim.cluster);
    break;
  }
  await wait(200);
}

/** Process and cluster of the run, once a container of the cluster runs. */
function findVictim() {
  if (!existsSync(directory)) return undefined;
  const record = readdirSync(directory).find((name) => name.endsWith('.run.json'));
  if (record === undefined) return undefined;
  const { pid, made } = JSON.parse(readFileSync(path.join(directory, record), 'utf8'));
  const cluster = made.find((thing) => thing.kind === 'cluster')?.name;
  if (cluster === undefined) return undefined;
  const containers = execFileSync('docker', ['ps', '--quiet', '--filter', `label=io.x-k8s.kind.cluster=${cluster}`], {
    encoding: 'utf8',
  });
  return containers.trim() === '' ? undefined : { pid, cluster };
}
