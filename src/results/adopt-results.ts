import { execInContainer } from '../cluster/docker.ts';
import { toOneLine } from '../core/outcome.ts';

/**
 * Makes what test containers wrote ours: they run as any user, and the runner's own may neither read nor delete their
 * files. Only the node's root can change that; it sees the same directory, at `nodePath`.
 * @returns an empty text, or why it could not be done.
 */
export async function adoptResults(node: string, nodePath: string, signal: AbortSignal): Promise<string> {
  const owner = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const own = await runInNode(node, ['chown', '--recursive', '--no-dereference', owner, nodePath], signal);
  const open = await runInNode(node, ['chmod', '--recursive', 'u+rwX', nodePath], signal);
  return own === '' ? open : own;
}

async function runInNode(node: string, command: string[], signal: AbortSignal): Promise<string> {
  const run = await execInContainer(node, command, { signal, timeoutSeconds: 60 });
  return run.exitCode === 0 ? '' : toOneLine(run.stderr || `${command[0]} in node ${node} failed`, 200);
}
