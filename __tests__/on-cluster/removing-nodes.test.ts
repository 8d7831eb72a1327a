import { execFileSync } from 'node:child_process';
import { existsSync, globSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { deleteCluster } from '../../src/cluster/create-cluster.ts';
import { nodeImages } from '../../src/tools/versions.ts';

const freezer = '/sys/fs/cgroup/freezer';
const image = process.env.FLOE_LAB_NODE_IMAGE || Object.values(nodeImages)[0]!;

const freezeContainer = `
  mkdir ${freezer}/pod
  sleep 100 &
  echo $! >${freezer}/pod/tasks
  echo FROZEN >${freezer}/pod/freezer.state`;
/** What runc does while it starts a container: freezes its processes for a moment. Here the moment takes two seconds. */
const runRunc = `
  cp "$(command -v bash)" /tmp/runc
  /tmp/runc -c 'sleep 2; echo THAWED >${freezer}/pod/freezer.state' &`;

test.runIf(existsSync(freezer)).for([
  { title: 'while runc has a container frozen', runc: runRunc },
  { title: 'in which a killed runc has left a container frozen', runc: '' },
])('a node that is removed $title is removed all the same', async ({ runc }) => {
  const startContainer = `${freezeContainer}${runc}\nexec sleep 100`;
  const name = `k8s-test-frozen-${process.pid}-${runc.length}`;
  const flags = ['--detach', '--privileged', '--label', `io.x-k8s.kind.cluster=${name}`, '--entrypoint', 'bash'];
  const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim();
  const id = docker('run', ...flags, image, '-c', startContainer);
  onTestFinished(() => {
    for (const state of globSync(`${freezer}/docker/${id}/**/freezer.state`)) writeFileSync(state, 'THAWED');
    if (docker('ps', '--all', '--quiet', '--filter', `label=io.x-k8s.kind.cluster=${name}`) !== '')
      docker('rm', '--force', id);
  });
  await expect.poll(() => docker('exec', id, 'cat', `${freezer}/pod/freezer.state`)).toBe('FROZEN');
  expect(await deleteCluster(name, { signal: AbortSignal.timeout(60_000), isWhole: true })).toBe(1);
});
