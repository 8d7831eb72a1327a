import { toOneLine } from '../core/outcome.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { runScriptInPod } from '../kube/exec.ts';

/**
 * The signal goes to the container's first process, or, where that is a waiting shell that ignores SIGTERM, to its command: as
 * `signalContainer` does it from a Kind node, with features that every shell has. From inside the container its first process
 * cannot be killed; killing every other process ends a shell that waits for them.
 */
const script = `
field() { while read -r key value rest; do [ "$key" != "$2:" ] || { echo "$value"; return; }; done <"/proc/$1/status"; }
hears() { [ $(((0x$(field "$1" SigCgt) | 0x$(field "$1" SigBlk)) >> 14 & 1)) = 1 ]; }
is_shell() { read -r name <"/proc/$1/comm"; case $name in sh|dash|ash|bash|busybox) true ;; *) false ;; esac; }
end() {
  children=
  read -r children <"/proc/$1/task/$1/children" || :
  if ! hears "$1" && { [ "$1" = 1 ] || is_shell "$1"; } && [ -n "$children" ]; then
    for child in $children; do (end "$child"); done
  else
    kill -TERM "$1"
  fi
}
if [ "$1" = SIGKILL ]; then kill -KILL -1; else end 1; fi`;

const deadlineMilliseconds = 20_000;

/**
 * Signals a container by a program in it, where its node cannot be reached, so that its pod and its log are kept.
 * @returns an empty text, or why it could not be done: it has no shell, above all.
 * @throws the signal's reason.
 */
export async function signalInPod(
  connection: KubeConnection,
  target: { namespace: string; pod: string; container: string },
  name: 'SIGTERM' | 'SIGKILL',
  signal: AbortSignal,
): Promise<string> {
  const late = AbortSignal.timeout(deadlineMilliseconds);
  let said = '';
  try {
    const { exitCode, stderr } = await runScriptInPod(connection, {
      ...target,
      script,
      args: [name],
      onStdout: (chunk) => {
        said = toOneLine(said + chunk.toString(), 200);
      },
      signal: AbortSignal.any([signal, late]),
    });
    return exitCode === 0 ? '' : toOneLine(stderr || said || `exit code ${exitCode}`, 200);
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) return `the container did not answer within ${deadlineMilliseconds / 1000} s`;
    if (error instanceof ApiError) return toOneLine(error.message, 200);
    throw error;
  }
}
