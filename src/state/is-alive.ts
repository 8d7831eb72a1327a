import { readFileSync } from 'node:fs';

/** A process, told from a later one that was given the same number. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in ticks since the machine did; empty where the system does not tell. */
  startTicks: string;
}

/** This process. */
export function identifySelf(): ProcessIdentity {
  return { pid: process.pid, startTicks: readStartTicks(process.pid) ?? '' };
}

/** Whether a process still runs. A number that was given anew to another process does not count where the system tells. */
export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal, but there.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = readStartTicks(pid);
  return startTicks === '' || now === undefined || now === startTicks;
}

/** Field 22 of /proc/<pid>/stat (proc(5)); undefined where there is none to read. */
function readStartTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may itself hold blanks and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
