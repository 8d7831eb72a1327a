/** Process groups: a program and all that it started. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** No event shows when the last of another process's children has ended, so we poll. */
const groupPollMilliseconds = 20;
/** A process in uninterruptible sleep outlives SIGKILL; this is how long we wait for the kernel to end it. */
const unkillableMilliseconds = 5000;

/**
 * SIGTERM to a process group, SIGKILL when something of it is left at the time that `killAt` gives, on the clock of
 * `performance.now()`. `onUnkillable` is called some seconds after that.
 */
export async function endGroup(
  leaderPid: number | undefined,
  killAt: () => number,
  onUnkillable: () => void,
): Promise<void> {
  if (leaderPid === undefined) return;
  signalGroup(leaderPid, 'SIGTERM');
  while (isGroupAlive(leaderPid) && performance.now() < killAt()) await sleep(groupPollMilliseconds);
  signalGroup(leaderPid, 'SIGKILL');
  setTimeout(onUnkillable, unkillableMilliseconds).unref();
}

/**
 * Whether a process of the group still runs. Zombies do not count: in a container whose first process does not reap children,
 * as in GitHub's container jobs, they stay forever, and each abort would last the whole grace.
 */
function isGroupAlive(leaderPid: number): boolean {
  if (!signalGroup(leaderPid, 0)) return false;
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    } catch {
      return false; // It ended in between.
    }
    // proc_pid_stat(5): pid (name) state parent group …; the name may hold spaces and parentheses.
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === String(leaderPid) && state !== 'Z' && state !== 'X';
  });
}

/** Sends a signal to a process group; false when no process of the group is left. */
function signalGroup(leaderPid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leaderPid, signal);
  } catch (error) {
    // EPERM (macOS for zombies, Linux for programs that changed their user) means that there is a process.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
