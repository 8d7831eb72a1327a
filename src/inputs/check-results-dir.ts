/** Whether the input `results-dir` names a directory that a run may empty and use. */
import path from 'node:path';
import { homeDirectory } from '../core/user-directories.ts';
import { explainUnwritable, findForeignLink, followLinks, inspectPath, listInputDirectory } from './inspect-path.ts';

/** The marker by which we know a results directory of ours; written before anything else is. */
export const resultsMarker = 'result.json';

/** Why a directory may not be emptied and used for results; undefined when it may. */
export function whyNotOurs(directory: string, workspace: string): string | undefined {
  const inside = (child: string, parent: string) => `${child}/`.startsWith(parent === '/' ? '/' : `${parent}/`);
  const link = findForeignLink(directory, workspace);
  if (link !== undefined)
    return `leads through the symbolic link ${link}; choose a directory without links in its path`;
  const precious = [workspace, homeDirectory()].filter((one) => one !== undefined);
  for (const target of [directory, followLinks(directory) ?? directory])
    if (precious.some((one) => inside(one, target) || inside(followLinks(one) ?? one, target)))
      return 'holds your files; choose a directory that is only for results';
  const found = inspectPath(directory);
  if (found === 'absent') return explainUnwritable(directory);
  if (found === 'file') return 'is a file; name a directory';
  if (typeof found === 'object') return found.problem;
  const { names: entries, problem } = listInputDirectory(directory);
  if (problem !== undefined) return problem;
  if (entries.length === 0 || entries.includes(resultsMarker)) return explainUnwritable(directory);
  return `holds files that no run wrote (${entries.slice(0, 3).join(', ')}); choose an empty or new directory`;
}

/** Why the times of tests cannot be kept in a file; undefined when they can. It need not be there yet. */
export function explainHistory(file: string, resultsDir: string, workspace: string): string | undefined {
  const link = findForeignLink(file, workspace);
  if (link !== undefined) return `leads through the symbolic link ${link}; choose a file without links in its path`;
  if (`${file}/`.startsWith(`${resultsDir}/`)) return 'lies in results-dir, which each run empties; name another place';
  const found = inspectPath(file);
  if (found === 'directory') return 'is a directory; name a file';
  return typeof found === 'object' ? found.problem : explainUnwritable(path.dirname(file));
}
