/**
 * The logs of the Job's containers on the disks of Kind's nodes, which outlive a deleted pod, a kubelet that rotates them
 * away, and an API server that is gone.
 */
import { createHash } from 'node:crypto';
import { Duplex, PassThrough } from 'node:stream';
import { type ExecOptions, execInContainer, execWhileOpen } from '../cluster/docker.ts';
import { toOneLine } from '../core/outcome.ts';
import type { ProgramRun } from '../tools/run-program.ts';
import { groupNodeLogs, type NodeLog, NodeLogDecoder, nodeLogsPath } from './node-log.ts';

/** Maximum size of the logs kept in a node that the kubelet has rotated away or removed; beyond it the oldest are deleted. */
const maxKeptKibibytes = 2 * 1024 * 1024;
/**
 * In seconds. The step that compares logs has 60 s in all: a node that does not answer one question in time is asked no other,
 * so that a docker that hangs takes nothing from the logs of other nodes, and the step still ends in time.
 */
const usualDeadlines = {
  list: 20,
  /** Enough for a log of gigabytes. */
  digest: 30,
  read: 300,
};
const closeMilliseconds = 3000;

/**
 * Runs in a node for as long as its stdin is open, and keeps a link to each log file of the pods whose directories begin
 * with `$1`, below `$2`: what the kubelet rotates away (no more often than every 10 s) or removes with its pod stays. Only
 * links are made, so that it costs nothing until the kubelet removes its own.
 */
const keepScript = `
set -u
trap 'rm -rf "$2"' EXIT
mkdir -p "$2"
while :; do
  find ${nodeLogsPath} -mindepth 3 -maxdepth 3 -type f -path "${nodeLogsPath}/$1*" -name '*.log*' ! -name '*.gz' ! -name '*.tmp' -printf '%i %P\\n' |
    while read -r inode path; do
      name=\${path##*/}
      link="$2/\${path%/*}/\${name%%.*}.$inode"
      [ -e "$link" ] && continue
      mkdir -p "\${link%/*}"
      ln "${nodeLogsPath}/$path" "$link"
      while [ "$(du --summarize --block-size=1K "$2" | cut -f1)" -gt "$3" ]; do
        rm "$(find "$2" -type f -printf '%T@ %p\\n' | sort -n | head -n 1 | cut -d' ' -f2-)" || break
      done
    done 2>/dev/null
  read -r -t 1 _
  [ $? -gt 128 ] || exit 0
done`;

/** Lists kept files first, then what the kubelet still has, each with the first word in it. */
const listScript = `
shopt -s nullglob
for file in "$2"/*/*/* ${nodeLogsPath}/"$1"*/*/*.log*; do
  first=
  case $file in
    *.tmp) continue ;;
    *.gz) first=$(gzip --decompress --stdout "$file" 2>/dev/null | head -c 40) ;;
    *) read -r -n 40 -d ' ' first <"$file" ;;
  esac
  printf '%s %s\\n' "\${first%% *}" "$file"
done 2>/dev/null`;

/**
 * What `NodeLogDecoder` does, done in the node: a log of hundreds of megabytes need not leave it to be compared. Takes for each
 * log the number of its files, and these; prints a line for each, and no digest in it where there is none.
 */
const digestScript = `
set -o pipefail
while [ $# -gt 0 ]; do
  files=("\${@:2:$1}")
  shift $(($1 + 1))
  sum=$(gzip --decompress --stdout --force -- "\${files[@]}" |
    LC_ALL=C perl -ne 's/^\\S+ std(?:out|err) ([FP])(?::\\S+)? // and $1 eq "P" and chomp; print' | sha256sum) || sum=none
  echo "$sum"
done`;

export class NodeLogs {
  readonly #nodes: string[];
  readonly #podPrefix: string;
  readonly #keptPath: string;
  readonly #closing = new AbortController();
  readonly #keepers: { stdin: PassThrough; ended: Promise<ProgramRun> }[];
  readonly #deadlines: typeof usualDeadlines;
  /** Why a node is not asked again. */
  readonly #silent = new Map<string, string>();

  /**
   * Starts to keep the logs of all pods whose names begin with `podPrefix`, on all nodes (names of their docker containers).
   * Never fails: logs that cannot be kept are not listed.
   */
  constructor(
    nodes: string[],
    options: {
      runId: string;
      namespace: string;
      podPrefix: string;
      signal: AbortSignal;
      deadlines?: Partial<typeof usualDeadlines>;
    },
  ) {
    this.#nodes = nodes;
    this.#deadlines = { ...usualDeadlines, ...options.deadlines };
    this.#podPrefix = `${options.namespace}_${options.podPrefix}`;
    this.#keptPath = `/var/log/k8s-test-${options.runId}`;
    this.#keepers = nodes.map((node) => {
      const stdin = new PassThrough();
      const args = [this.#podPrefix, this.#keptPath, String(maxKeptKibibytes)];
      const command = ['bash', '-c', keepScript, 'keep-logs', ...args];
      const signal = AbortSignal.any([options.signal, this.#closing.signal]);
      return { stdin, ended: execWhileOpen(node, command, { signal, stdin }) };
    });
  }

  /** The logs that there are; `problems` names nodes that could not be asked. */
  async list(signal: AbortSignal): Promise<{ logs: (NodeLog & { node: string })[]; problems: string[] }> {
    const problems: string[] = [];
    const lists = await Promise.all(
      this.#nodes.map(async (node) => {
        const command = ['bash', '-c', listScript, 'list-logs', this.#podPrefix, this.#keptPath];
        const run = await this.#ask(node, command, { signal, timeoutSeconds: this.#deadlines.list });
        if (run.exitCode !== 0)
          problems.push(toOneLine(`node ${node} does not return its log files: ${describeProblem(run)}`, 300));
        const files = run.stdout.split('\n').map((line) => {
          const at = line.indexOf(' ');
          return { first: line.slice(0, at), path: line.slice(at + 1) };
        });
        return groupNodeLogs(files).map((log) => ({ ...log, node }));
      }),
    );
    return { logs: lists.flat(), problems };
  }

  /**
   * The SHA-256 of what each container wrote, as its node has it, with one question to each node. A log is missing when the node
   * cannot compute it; then its file has to be read.
   * @throws the signal's reason.
   */
  async digests<L extends NodeLog & { node: string }>(
    logs: readonly L[],
    signal: AbortSignal,
  ): Promise<Map<L, string>> {
    const isEmpty = ({ paths }: L) => paths.length === 0;
    const nothing = createHash('sha256').digest('hex');
    const found = new Map(logs.filter(isEmpty).map((log) => [log, nothing]));
    const ofNodes = Object.groupBy(
      logs.filter((log) => !isEmpty(log)),
      ({ node }) => node,
    );
    await Promise.all(
      Object.entries(ofNodes).map(async ([node, own = []]) => {
        if (this.#silent.has(node)) return;
        const args = own.flatMap(({ paths }) => [String(paths.length), ...paths]);
        const command = ['bash', '-c', digestScript, 'digest-logs', ...args];
        const { stdout } = await this.#ask(node, command, { signal, timeoutSeconds: this.#deadlines.digest });
        // Those before one that took too long are good. The last line is whole only with its end.
        for (const [i, line] of stdout.split('\n').slice(0, -1).entries()) {
          const digest = /^[0-9a-f]{64}/.exec(line)?.[0];
          const log = own[i];
          if (log !== undefined && digest !== undefined) found.set(log, digest);
        }
      }),
    );
    return found;
  }

  /**
   * Passes on what a container wrote, as the node has it, chunk by chunk; each must be used before the promise resolves.
   * @returns an empty text, or why it is not all of it.
   * @throws what `onChunk` throws, or the signal's reason.
   */
  async read(
    log: NodeLog & { node: string },
    onChunk: (chunk: Buffer) => Promise<void>,
    signal: AbortSignal,
  ): Promise<string> {
    if (log.paths.length === 0) return '';
    const silence = this.#silent.get(log.node);
    if (silence !== undefined) return silence;
    const decoder = new NodeLogDecoder();
    let thrown: { error: unknown } | undefined;
    const stdout = Duplex.from(async (source: AsyncIterable<Buffer>) => {
      try {
        for await (const chunk of source) await onChunk(decoder.push(chunk));
      } catch (error) {
        // An abort gets here, too, and is thrown below.
        thrown = { error };
        throw error;
      }
    });
    // Uncompressed data passes through unchanged.
    const command = ['gzip', '--decompress', '--stdout', '--force', '--', ...log.paths];
    const run = await this.#ask(log.node, command, { signal, stdout, timeoutSeconds: this.#deadlines.read });
    if (thrown !== undefined) throw (thrown as { error: unknown }).error;
    if (run.exitCode !== 0) return toOneLine(`node ${log.node} did not return it: ${describeProblem(run)}`, 300);
    if (decoder.damagedBytes === 0) return '';
    return `${decoder.damagedBytes} bytes of its files on node ${log.node} are damaged`;
  }

  /** Asks a node. @throws the signal's reason. */
  async #ask(node: string, command: string[], options: ExecOptions): Promise<ProgramRun> {
    const run = await execInContainer(node, command, options);
    options.signal.throwIfAborted();
    if (run.timedOut) this.#silent.set(node, toOneLine(`node ${node} did not return it: ${describeProblem(run)}`, 300));
    return run;
  }

  /** Discards what was kept. */
  async close(): Promise<void> {
    for (const keeper of this.#keepers) keeper.stdin.end();
    // A node that is paused lets nothing end.
    const timer = setTimeout(() => this.#closing.abort(), closeMilliseconds);
    await Promise.all(this.#keepers.map((keeper) => keeper.ended));
    clearTimeout(timer);
  }
}

function describeProblem(run: ProgramRun): string {
  return (
    run.stderr.trim() || run.error || (run.timedOut ? `no answer within ${Math.round(run.seconds)} s` : 'it failed')
  );
}
