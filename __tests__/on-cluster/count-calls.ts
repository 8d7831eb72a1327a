/** Counts what a command line asks of other programs and of the API server. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const programs = ['docker', 'helm', 'kind'];

export interface CountedCalls {
  /** What the command line is given, so that it is counted. */
  env: Record<string, string>;
  /** Calls so far: by program, and as `requests` those to the API server. */
  read: () => Record<string, number>;
}

/** Each program gets a script of its name before it on the PATH, which notes the call and becomes the program. */
export function countCalls(): CountedCalls {
  const directory = mkdtempSync(path.join(tmpdir(), 'count-calls-'));
  const bin = path.join(directory, 'bin');
  const notes = (name: string) => path.join(directory, name);
  mkdirSync(bin);
  for (const program of programs) {
    const real = execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
    const script = `#!/bin/sh\necho "$1" >>'${notes(program)}'\nexec '${real}' "$@"\n`;
    writeFileSync(path.join(bin, program), script, { mode: 0o755 });
  }
  const preload = path.join(directory, 'preload.mjs');
  // undici's own channel, which says of each request when it is made.
  writeFileSync(
    preload,
    `import { appendFileSync } from 'node:fs';
import { subscribe } from 'node:diagnostics_channel';
subscribe('undici:request:create', ({ request }) => appendFileSync(${JSON.stringify(notes('requests'))}, \`\${request.method} \${request.path}\\n\`));
`,
  );
  const countLines = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0);
  return {
    env: { PATH: `${bin}:${process.env.PATH}`, NODE_OPTIONS: `--import=${pathToFileURL(preload)}` },
    read: () => Object.fromEntries([...programs, 'requests'].map((name) => [name, countLines(notes(name))])),
  };
}
