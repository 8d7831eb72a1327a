import { readdirSync, readFileSync } from 'node:fs';

/** The variable by which programs that a run started are recognised; all that they start inherits it. */
export const runVariable = 'K8S_TEST_RUN';

/**
 * Kills programs that outlived the run which started them: a `kind create` or `helm install` whose parent was killed continues
 * and creates what teardown removes. They are found by their environment, as GitHub's runner finds its own at the end of a job;
 * where there is no /proc, none are found.
 * @returns how many were killed.
 */
export function endOrphans(runId: string): number {
  let ended = 0;
  for (const pid of listProcesses()) {
    if (pid === process.pid || !hasVariable(pid, `${runVariable}=${runId}`)) continue;
    try {
      process.kill(pid, 'SIGKILL');
      ended++;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return ended;
}

function listProcesses(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function hasVariable(pid: number, assignment: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(assignment);
  } catch {
    // It has ended meanwhile, or belongs to another user.
    return false;
  }
}
