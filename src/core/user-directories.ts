/** The directories for a user's files: https://specifications.freedesktop.org/basedir-spec/latest/ */
import { homedir } from 'node:os';
import path from 'node:path';

/** The user's home directory; undefined for a user who has none, as one of a container may be. */
export function homeDirectory(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.HOME !== undefined && env.HOME !== '') return env.HOME;
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** For files that must survive a restart of the machine; undefined without a home directory. */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return userDirectory(env, 'XDG_STATE_HOME', '.local/state');
}

/** For files that can be recreated; undefined without a home directory. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return userDirectory(env, 'XDG_CACHE_HOME', '.cache');
}

function userDirectory(env: NodeJS.ProcessEnv, variable: string, below: string): string | undefined {
  const given = env[variable];
  // The specification has relative paths ignored.
  if (given !== undefined && path.isAbsolute(given)) return given;
  const home = homeDirectory(env);
  return home === undefined ? undefined : path.join(home, below);
}
