/** Where a user's files lie: https://specifications.freedesktop.org/basedir-spec/latest/ */
import { homedir } from 'node:os';
import path from 'node:path';

/** The user's home; undefined for a user who has none, as one of a container may be. */
export function homeDirectory(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.HOME !== undefined && env.HOME !== '') return env.HOME;
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** For what a program must find again although the machine was restarted; undefined without a home. */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return userDirectory(env, 'XDG_STATE_HOME', '.local/state');
}

/** For what can be made again; undefined without a home. */
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
