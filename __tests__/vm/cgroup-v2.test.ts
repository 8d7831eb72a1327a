import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseKernelKills } from '../../src/cluster/kernel-kills.ts';
import { type ProgressNotes, readProgress } from '../../src/reconstruct/progress-notes.ts';
import { noteMachine } from '../on-cluster/dockers.ts';
import { placeHelper } from '../support/python/place-helper.ts';
import { providePython } from '../support/python/python-packages.ts';

/** As the kubelet and containerd name the cgroups of a container in a node of Kind. */
const container = '3f8c0c4a9d1e4f7bb2d6a85c11e0979ab1c2d3e4f5061728394a5b6c7d8e9f00';
const pod =
  'kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod0d8f2a51_7c7e_4d7c_9a35_3c9f6d1b2a77.slice';
const runId = 'run-1';
const mebibyte = 2 ** 20;

/** Its child, and not pytest itself, takes more memory than there is. */
const suite = `
import subprocess, sys
def test_one(): pass
def test_file(): open("file", "wb").write(bytes(${60 * mebibyte}))
def test_shared(): open("/mnt/file", "wb").write(bytes(${30 * mebibyte}))
def test_child():
    subprocess.run([sys.executable, "-c", "x = [bytearray(1 << 20) for _ in range(500)]"])
def test_after(): pass
`;

/** Makes the cgroups as the kubelet does it with a limit of 128 MiB, and runs pytest in them as the container of a pod is run. */
const firstProcess = (folder: string, pythonPath: string) => `#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /mnt
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cd ${folder}
uname --kernel-release >release
here=/sys/fs/cgroup
for part in ${pod.split('/').join(' ')} cri-containerd-${container}.scope; do
  echo '+memory +pids' >"$here/cgroup.subtree_control"
  here=$here/$part
  mkdir "$here"
done
echo ${128 * mebibyte} >"$here/memory.max"
# The kubelet asks for this since Kubernetes 1.28, where the cgroups are v2.
echo "$1" >"$here/memory.oom.group"
dmesg --clear
(
  echo "$BASHPID" >"$here/cgroup.procs"
  exec unshare --cgroup --mount bash -c 'umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' container \\
    env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=${pythonPath} K8S_TEST_PROGRESS_DIR=${folder}/notes K8S_TEST_PROGRESS_RUN=${runId} \\
    python3 -m pytest -p no:cacheprovider -v --junitxml=${folder}/junit.xml tests
) >log 2>&1
echo "$?" >exit
dmesg >kernel
cp "$here/memory.events" events
wc --lines <"$here/cgroup.procs" >left
sync
echo o >/proc/sysrq-trigger
sleep 60
`;

interface Guest {
  read: (name: string) => string;
  notes: ProgressNotes;
}

let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'vm-'));
});
afterAll(() => rmSync(root, { recursive: true }));

async function runGuest(oomGroup: 0 | 1): Promise<Guest> {
  const folder = path.join(root, `group-${oomGroup}`);
  const at = (name: string) => path.join(folder, name);
  for (const name of ['', 'tests', 'notes']) mkdirSync(at(name));
  writeFileSync(at('tests/test_it.py'), suite);
  const { packagesDir } = providePython();
  const helper = placeHelper(at('helper'), runId);
  const script = firstProcess(folder, `${packagesDir}:${helper}`).replace('"$1"', String(oomGroup));
  writeFileSync(at('first-process'), script, { mode: 0o755 });
  execFileSync(path.resolve('lab', 'vm'), [at('first-process'), folder, packagesDir], {
    timeout: 150_000,
    stdio: 'pipe',
  });
  const read = (name: string) => readFileSync(at(name), 'utf8');
  noteMachine(`guest: Linux ${read('release').trim()}, cgroup v2 alone, as root (uid 0)`);
  return { read, notes: await readProgress(at('notes/progress.jsonl'), runId) };
}

describe('on cgroup v2, out of memory in a child of the tests', () => {
  test('kills the whole container, as the kubelet configures it, and only the notes show which tests ran', async () => {
    const { read, notes } = await runGuest(1);
    expect(read('exit'), read('log')).toBe('137\n');
    expect(read('left')).toBe('0\n');
    expect(read('events')).toMatch(/^oom_group_kill 1$/m);
    expect(parseKernelKills(read('kernel'), container)).toEqual([{ process: 'python3', usageBytes: 128 * mebibyte }]);
    expect(notes.isUnfinished).toBe(true);
    expect(notes.cgroupVersion).toBe(2);
    const { cases, inFlight, notRun } = notes.tests.finish('notes');
    expect(cases.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'test_one passed',
      'test_file passed',
      'test_shared passed',
    ]);
    expect({ inFlight: inFlight.map(({ name }) => name), notRun }).toEqual({ inFlight: ['test_child'], notRun: 1 });
    // With what is in shared memory, and without the file of 60 MiB, which the kernel keeps in its page cache.
    expect(notes.peakBytes).toBeGreaterThan(35 * mebibyte);
    expect(notes.peakBytes).toBeLessThan(60 * mebibyte);
  });

  test('kills only the child without that setting, as on cgroup v1, and the tests continue', async () => {
    const { read, notes } = await runGuest(0);
    expect(read('exit'), read('log')).toBe('0\n');
    expect(read('events')).toMatch(/^oom_group_kill 0$/m);
    expect(parseKernelKills(read('kernel'), container)).toEqual([{ process: 'python3', usageBytes: 128 * mebibyte }]);
    expect(notes).toMatchObject({ isUnfinished: false, cgroupVersion: 2 });
  });
});
