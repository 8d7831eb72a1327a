import { execInContainer } from './docker.ts';

/** A process that the kernel killed for memory. */
export interface KernelKill {
  /** Name of the program, as the kernel keeps it: 15 characters at most. */
  process: string;
  /** What the cgroup had in use; undefined where the kernel did not log it. */
  usageBytes?: number;
  /** True when it was not the limit of a cgroup that was reached, but the end of the node's own memory. */
  isNodeWide?: boolean;
}

const readSeconds = 10;

/**
 * The kills for memory in one container in the kernel's log, oldest first. The log is read from the node, which on Kind shares
 * the kernel of the machine; where it may not be read, nothing is known and the list is empty.
 */
export async function readKernelKills(node: string, containerId: string, signal: AbortSignal): Promise<KernelKill[]> {
  const run = await execInContainer(node, ['dmesg'], { signal, timeoutSeconds: readSeconds });
  return run.exitCode === 0 ? parseKernelKills(run.stdout, containerId) : [];
}

/**
 * The kills of one container in a kernel log. The line that names the victim and its cgroup follows one with the usage of the
 * cgroup (`mem_cgroup_print_oom_meminfo` in Linux's mm/memcontrol.c, `dump_oom_victim` in mm/oom_kill.c).
 */
export function parseKernelKills(log: string, containerId: string): KernelKill[] {
  const kills: KernelKill[] = [];
  if (containerId === '') return kills;
  let usageKilobytes: number | undefined;
  for (const line of log.split('\n')) {
    const usage = /\bmemory: usage (\d+)kB, limit \d+kB/.exec(line);
    if (usage !== null) usageKilobytes = Number(usage[1]);
    if (!line.includes('oom-kill:')) continue;
    const victim = /constraint=(\w+),.*task_memcg=([^,]*),task=(.*?),pid=\d+/.exec(line);
    if (victim !== null && (victim[2] ?? '').includes(containerId))
      kills.push({
        process: victim[3] ?? '',
        ...(usageKilobytes === undefined ? {} : { usageBytes: usageKilobytes * 1024 }),
        ...(victim[1] === 'CONSTRAINT_MEMCG' ? {} : { isNodeWide: true }),
      });
    usageKilobytes = undefined;
  }
  return kills;
}
