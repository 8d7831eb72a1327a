import path from 'node:path';

/**
 * The command by which this command line is called on this machine, as `node ../k8s-test-action/dist/cli.js down`: messages
 * contain it for copying, and users call it from repositories of their own. Relative where it is below the working directory.
 */
export function nameCommand(words: string, entry = process.argv[1] ?? '', directory = process.cwd()): string {
  const program = path.join(path.dirname(entry), 'cli.js');
  // Started by npx, or from the packages of a project: the name is not on the PATH.
  if (entry.endsWith('/node_modules/.bin/k8s-test')) return `npx k8s-test ${words}`;
  // Run by anything but our own entry points, as unit tests do: the name that the README gives it.
  if (!['cli.js', 'action.js', 'cleanup.js'].includes(path.basename(entry))) return `k8s-test ${words}`;
  const relative = path.relative(directory, program);
  const shown = relative.startsWith('..') ? program : relative;
  return `node ${/^[\w./@+-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`} ${words}`;
}
