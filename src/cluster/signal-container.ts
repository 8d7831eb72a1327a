import { toOneLine } from '../core/outcome.ts';
import { execInContainer } from './docker.ts';

/**
 * Sends a signal to a container's first process, $1 being the container and $2 the signal. A shell that waits for its command
 * ignores SIGTERM (the kernel keeps it from the first process of a container that does not handle it), and does not pass it to
 * its command: then the signal goes to the command instead.
 */
const script = `
field() { awk -v name="$2:" '$1 == name { print $NF }' "/proc/$1/status"; }
hears() { (( ((16#$(field "$1" SigCgt) | 16#$(field "$1" SigBlk)) >> 14) & 1 )); }
is_shell() { case $(readlink "/proc/$1/exe") in */sh|*/dash|*/ash|*/bash|*/busybox) true ;; *) false ;; esac; }
end() {
  local children child
  if ! hears "$1" && { [ "$(field "$1" NSpid)" = 1 ] || is_shell "$1"; } && children=$(pgrep -P "$1"); then
    for child in $children; do end "$child"; done
  else
    kill -TERM "$1"
  fi
}
pid=$(ctr --namespace k8s.io tasks list | awk -v id="$1" '$1 == id && $3 == "RUNNING" { print $2 }')
[ -n "$pid" ] || { echo "it does not run" >&2; exit 1; }
if [ "$2" = SIGKILL ]; then kill -KILL "$pid"; else end "$pid"; fi`;

/**
 * Signals a container from its Kind node, without the API server, so that its pod and its log stay.
 * @param containerId as in its status, `containerd://…`.
 * @returns an empty text, or why it could not be done.
 */
export async function signalContainer(
  node: string,
  containerId: string,
  name: 'SIGTERM' | 'SIGKILL',
  signal: AbortSignal,
): Promise<string> {
  const id = containerId.replace(/^containerd:\/\//, '');
  const command = ['bash', '-c', script, 'signal-container', id, name];
  const run = await execInContainer(node, command, { signal, timeoutSeconds: 20 });
  if (run.exitCode === 0) return '';
  return toOneLine(run.stderr || run.error || `node ${node} did not answer in time`, 200);
}
