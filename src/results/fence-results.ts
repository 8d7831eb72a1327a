import { lstatSync } from 'node:fs';
import { execInContainer } from '../cluster/docker.ts';
import { toOneLine } from '../core/outcome.ts';

export interface FenceOptions {
  /** Names of nodes, that of the test pod first where it is known. */
  nodes: readonly string[];
  /** The results directory as the nodes see it. */
  nodePath: string;
  /** The same directory on this machine. */
  hostPath: string;
  /** How long processes of pods may take to end, in seconds. */
  fenceSeconds: number;
  signal: AbortSignal;
}

/** The state of a results directory that containers wrote to. */
export interface Fenced {
  /** Whether no process writes to it anymore, and all that is in it is ours. */
  isFenced: boolean;
  /** Processes that were ended for it. */
  ended: number;
  /** Why it is not fenced; empty when it is. */
  problem: string;
}

/** How long the runtime may take to bring a process into its container, in whole seconds. */
const startSeconds = 3;

/** What the script prints before the number of processes that it ended. */
const endedMark = 'ended:';

/**
 * Ends all processes of pods that have the directory $1 mounted, and with $4 gives the directory to the owner of its mount
 * point; with adopt-mount only if it is a mount point itself. $2 is the path as /proc/self/mountinfo writes it; $3 is a number
 * of seconds. It finds mounts of the same file system whose root is the directory or is in it, under any name: sidecars, native
 * sidecars, debug containers.
 *
 * A process that the runtime is starting, in a container of any pod or by an exec into one, has all mounts of the node until it
 * enters its container. It is no writer, and is given some seconds to enter; whether it mounts the directory shows then.
 */
const script = `
point=$(P="$2" awk '{ p = ENVIRON["P"]
  if ((p == $5 || $5 == "/" || index(p, $5 "/") == 1) && length($5) >= longest) { longest = length($5); found = $3 " " $4 " " $5 }
} END { print found }' /proc/self/mountinfo)
read -r device root mounted <<<"$point"
[ -n "$device" ] || { echo "no mount holds $1" >&2; exit 1; }
[ "$mounted" = / ] && rest=$2 || rest=\${2#"$mounted"}
[ "$root" = / ] && root=
root=$root$rest
mounting() { grep -lF -e " $device \${root:-/} " -e " $device $root/" "$@" 2>/dev/null; }
ended=0
clean=0
declare -A seen
deadline=$((SECONDS + $3))
while :; do
  pids= starting= unresolved=
  for file in $(mounting /proc/[0-9]*/mountinfo); do
    pid=\${file#/proc/} pid=\${pid%/mountinfo}
    grep -q kubepods "/proc/$pid/cgroup" 2>/dev/null || continue
    if [ "/proc/$pid/root" -ef / ] && [ $((SECONDS - \${seen[$pid]:=$SECONDS})) -lt ${startSeconds} ]; then
      starting="$starting $pid"
    elif mounting "$file" >/dev/null; then
      # Asked again: since the first look it may have entered its container.
      pids="$pids $pid"
    fi
  done
  for pid in $starting; do case " \${before-$starting} " in *" $pid "*) unresolved=1 ;; esac; done
  before=$starting
  if [ -n "$pids" ]; then
    clean=0
    kill -KILL $pids 2>/dev/null
    ended=$((ended + $(wc -w <<<"$pids")))
  elif [ -z "$unresolved" ]; then
    # What was ended may be started again, by a pod that has not ended yet.
    [ $ended -eq 0 ] || [ $clean -ge 3 ] && break
    clean=$((clean + 1))
  fi
  [ $SECONDS -lt $deadline ] || { echo "processes of pods still have the results mounted" >&2; status=3; break; }
  sleep 0.2
done
echo "${endedMark}$ended"
if [ "$4" = adopt ] || { [ "$4" = adopt-mount ] && [ "$mounted" = "$2" ]; }; then
  owner=\${5:-$(stat --format=%u:%g "$mounted")}
  chown --recursive --no-dereference "$owner" "$1" && chmod --recursive u+rwX,go-w "$1" || status=4
fi
exit \${status:-0}`;

/** Longer than any tree of results takes. */
const recoverSeconds = 60;

/**
 * Fences what test containers wrote: ends all processes that could still write there, and makes the files ours, as root of one
 * running node. The new owner is the owner of the mount point as the node sees it, which is our user under any user mapping of
 * docker. Never fails: where nothing can be done, the results have to be copied as far as they can be read.
 */
export async function fenceResults(options: FenceOptions): Promise<Fenced> {
  const { nodes, hostPath } = options;
  let ended = 0;
  let problem = nodes.length === 0 ? 'no node is there' : '';
  let isAdopted = false;
  const run = async (node: string, mode: string, owner = '') => {
    const end = await runInNode(node, mode, owner, options);
    ended += end.ended;
    problem ||= end.problem;
    return end.problem === '';
  };
  const [first, ...others] = nodes;
  // The nodes see one and the same directory: one of them is enough to change its owner.
  const [isFirst] = await Promise.all([
    first === undefined ? false : run(first, 'adopt'),
    ...others.map((node) => run(node, 'fence')),
  ]);
  isAdopted = isFirst && isOurs(hostPath);
  for (const node of others) if (!isAdopted) isAdopted = (await run(node, 'adopt')) && isOurs(hostPath);
  // The tests may have changed the owner of the mount point: then it does not show our user.
  if (!isAdopted && first !== undefined && isFirst)
    isAdopted =
      (await run(first, 'adopt', `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`)) && isOurs(hostPath);
  if (!isAdopted) problem ||= 'its owner is another user';
  return { isFenced: problem === '', ended, problem };
}

/**
 * Makes what is in the results directory of a cluster ours, before the last node is removed that could do that.
 * @returns an empty text, or why it could not be done; a cluster that does not mount the directory needs nothing.
 */
export async function adoptBeforeRemoval(
  nodes: readonly string[],
  nodePath: string,
  signal: AbortSignal,
): Promise<string> {
  let problem = '';
  for (const node of nodes) {
    const end = await runInNode(node, 'adopt-mount', '', { nodes, nodePath, hostPath: '', fenceSeconds: 3, signal });
    if (end.problem === '') return '';
    problem = end.problem;
  }
  return problem;
}

async function runInNode(
  node: string,
  mode: string,
  owner: string,
  options: FenceOptions,
): Promise<{ ended: number; problem: string }> {
  const { nodePath, fenceSeconds, signal } = options;
  const args = [nodePath, encodeMountPath(nodePath), String(fenceSeconds), mode, owner];
  const run = await execInContainer(node, ['bash', '-c', script, 'fence-results', ...args], {
    signal,
    timeoutSeconds: fenceSeconds + recoverSeconds,
  });
  const ended = Number(run.stdout.split(endedMark)[1]?.split('\n')[0] ?? 0);
  if (run.exitCode === 0) return { ended, problem: '' };
  return { ended, problem: toOneLine(run.stderr || run.error || `node ${node} did not answer`, 200) };
}

/** As the kernel writes a path in /proc/self/mountinfo: proc(5). */
function encodeMountPath(file: string): string {
  return file.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function isOurs(directory: string): boolean {
  return lstatSync(directory, { throwIfNoEntry: false })?.uid === process.getuid?.();
}
