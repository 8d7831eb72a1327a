import { expect, test } from 'vitest';
import { parseKernelKills } from '../../src/cluster/kernel-kills.ts';

/** As the lab's kernel (6.18, cgroup v1) wrote it; what does not matter is left out. */
const id = '9bc96df946238b76c58c102fcf61c44d312f10d08cd9378d3bfece547bba1d91';
const other = '883728398d861f2343159ba8e5519046390e5eba114e7bbbe05c96e70f1e7dda';
const pod = '/docker/c86e306f/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod5086120d.slice';
const log = `[ 1313.581972] python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=998
[ 1313.582257] memory: usage 65536kB, limit 65536kB, failcnt 142
[ 1313.582258] memory+swap: usage 65536kB, limit 9007199254740988kB, failcnt 0
[ 1313.582524] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=cri-containerd-${id}.scope,mems_allowed=0,oom_memcg=${pod},task_memcg=${pod}/cri-containerd-${id}.scope,task=python3,pid=31898,uid=1000
[ 1313.582541] Memory cgroup out of memory: Killed process 31898 (python3) total-vm:75428kB, anon-rss:64128kB
[ 1314.049064] memory: usage 32768kB, limit 32768kB, failcnt 125
[ 1314.049661] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${pod},task_memcg=${pod}/cri-containerd-${other}.scope,task=node (vitest 1),pid=32301,uid=1000
[ 1320.000000] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/kubepods/besteffort/pod1/${id},task=dagster,pid=7,uid=0`;

test('the kills of one container are reported with the memory in use, and those of no other container', () => {
  expect(parseKernelKills(log, id)).toEqual([
    { process: 'python3', usageBytes: 64 * 2 ** 20 },
    { process: 'dagster', isNodeWide: true },
  ]);
  expect(parseKernelKills(log, other)).toEqual([{ process: 'node (vitest 1)', usageBytes: 32 * 2 ** 20 }]);
});

test('on cgroup v2, where the whole container is killed, the process that requested memory is the one reported', () => {
  // As Linux 7.2 wrote it in the guest of lab/vm; what does not matter is left out.
  const scope = `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod0d8f2a51.slice/cri-containerd-${id}.scope`;
  const record = `[    3.310000] python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[    3.310000] memory: usage 65536kB, limit 65536kB, failcnt 94
[    3.310000] swap: usage 0kB, limit 9007199254740988kB, failcnt 0
[    3.310000] Memory cgroup stats for ${scope}:
[    3.310000] anon 66715648
[    3.310000] Memory cgroup min protection 0kB -- low protection 0kB
[    3.310000] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=${scope},task_memcg=${scope},task=python3,pid=752,uid=0
[    3.310000] Memory cgroup out of memory: Killed process 752 (python3) total-vm:79248kB, anon-rss:64808kB
[    3.310000] Tasks in ${scope} are going to be killed due to memory.oom.group set
[    3.310000] Memory cgroup out of memory: Killed process 750 (bash) total-vm:4176kB, anon-rss:256kB
[    3.310000] Memory cgroup out of memory: Killed process 752 (python3) total-vm:79248kB, anon-rss:64808kB`;
  expect(parseKernelKills(record, id)).toEqual([{ process: 'python3', usageBytes: 64 * 2 ** 20 }]);
});

test('a container that is not known has none', () => {
  expect(parseKernelKills(log, '')).toEqual([]);
  expect(parseKernelKills(log, 'f'.repeat(64))).toEqual([]);
});
