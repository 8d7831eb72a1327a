import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import * as v from 'valibot';

/** Where a number of a process means something: a kernel since its start, and one view of its processes. */
const spaceSchema = v.object({ bootId: v.string(), pidNamespace: v.string(), host: v.string() });

export const processSchema = v.object({
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** When it started, in ticks since the machine did; empty where the system does not provide it. */
  startTicks: v.string(),
  /** Absent where the system does not provide it, and in files of older versions. */
  space: v.optional(spaceSchema),
});

/** A process, distinguished from a later one with the same number, and from one of another machine or container. */
export type ProcessIdentity = v.InferOutput<typeof processSchema>;

/** `unknown`: it is one of another machine that shares our disk, or of another container of this one. */
export type Life = 'alive' | 'dead' | 'unknown';

/** This process. */
export function identifySelf(): ProcessIdentity {
  return identify(process.pid);
}

/** A process that runs now, as others can find it later. */
function identify(pid: number): ProcessIdentity {
  const space = readSpace();
  return { pid, startTicks: readStat(pid)?.startTicks ?? '', ...(space === undefined ? {} : { space }) };
}

/**
 * Whether a process still runs, as far as this process can know. A number that was reused by another process does not count
 * where the system shows that.
 */
export function judgeLife({ pid, startTicks, space }: ProcessIdentity): Life {
  const here = readSpace();
  if (space !== undefined && here !== undefined) {
    // The same machine after a restart has a new boot id; with another name it is another machine.
    if (space.bootId !== here.bootId) return space.host === here.host ? 'dead' : 'unknown';
    if (space.pidNamespace !== here.pidNamespace) return 'unknown';
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal, but there.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return 'dead';
  }
  const found = readStat(pid);
  // It has ended, and its parent does not ask how: the first process of many a container never does.
  if (found?.state === 'Z' || found?.state === 'X') return 'dead';
  const now = found?.startTicks;
  return startTicks === '' || now === undefined || now === startTicks ? 'alive' : 'dead';
}

/** Whether a process still runs; true where that cannot be known. */
export function isAlive(identity: ProcessIdentity): boolean {
  return judgeLife(identity) !== 'dead';
}

/**
 * The process that runs the job of a workflow which we are part of: GitHub's runner starts one for each job, and it ends
 * with the job. Undefined outside of a job, and in a container, where it cannot be seen.
 */
export function findJobProcess(): ProcessIdentity | undefined {
  let pid = process.ppid;
  while (pid > 1) {
    const stat = readStat(pid);
    if (stat === undefined) return undefined;
    if (stat.name === 'Runner.Worker') return identify(pid);
    pid = stat.parent;
  }
  return undefined;
}

/** Name, state, parent and start of a process, from /proc/<pid>/stat (proc(5)); undefined where there is none to read. */
function readStat(pid: number): { name: string; state: string; parent: number; startTicks: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may itself hold blanks and parentheses.
    const end = stat.lastIndexOf(')');
    const fields = stat.slice(end + 2).split(' ');
    return {
      name: stat.slice(stat.indexOf('(') + 1, end),
      state: fields[0] ?? '',
      parent: Number(fields[1]),
      startTicks: fields[19] ?? '',
    };
  } catch {
    return undefined;
  }
}

function readSpace(): v.InferOutput<typeof spaceSchema> | undefined {
  try {
    return {
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      pidNamespace: readlinkSync('/proc/self/ns/pid'),
      host: hostname(),
    };
  } catch {
    return undefined;
  }
}
