/** What can be known of the commands of a console snippet without running them. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { split } from 'shlex';
import { type CommandName, commandDocs, takesJson } from '../../src/cli/help.ts';
import { inputNames } from '../../src/inputs/schema.ts';
import { root } from './read-snippets.ts';

/** Programs that are not ours, and are taken as they are. */
const foreign = new Set(
  'alias aws az cat cd cp curl docker echo eval export gcloud gh git helm jq kind kubectl mkdir pip python3 sed sha256sum source tar unset uv'.split(
    ' ',
  ),
);

const makefile = readFileSync(path.join(root, 'Makefile'), 'utf8');
const targets = new Set([...makefile.matchAll(/^([\w./ -]+):/gm)].flatMap(([, target]) => target?.split(' ')));
const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: object };
const cliCommands = new Set<string>(Object.keys(commandDocs));

/** Every word that cannot be right: no such target, script, file, flag or program. */
export function checkCommands(text: string): string[] {
  return text
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, ''))
    .filter((line) => line.trim() !== '')
    .flatMap(checkLine);
}

function checkLine(line: string): string[] {
  const problems = [...line.matchAll(/\$\(([^()]*)\)/g)].flatMap(([, inner]) => checkLine(inner!));
  const segments: string[][] = [[]];
  for (const word of split(line))
    if (['&&', '||', '|', ';', '&'].includes(word)) segments.push([]);
    else segments.at(-1)!.push(word);
  return problems.concat(segments.flatMap(checkCommand));
}

function checkCommand(words: string[]): string[] {
  const [program, ...args] = words.slice(words.findIndex((word) => !/^\w+=/.test(word)));
  if (program === undefined || /^\w+=/.test(program)) return [];
  if (program === 'make')
    return args.filter((word) => !/^-|=/.test(word) && !targets.has(word)).map((word) => `make has no target ${word}`);
  if (program === 'k8s-test' || (program === 'node' && args[0]?.endsWith('dist/cli.js')))
    return checkCli(program === 'node' ? args.slice(1) : args);
  if (program === 'npx' && args[0] === 'k8s-test') return checkCli(args.slice(1));
  if (program === 'npm' && args[0] === 'install') return [];
  if (program === 'npm' && args[0] === 'test') return 'test' in scripts ? [] : ['package.json has no script test'];
  if (program === 'npm' && args[0] === 'run') {
    const script = args.find((word, i) => i > 0 && !word.startsWith('-'));
    return script !== undefined && script in scripts ? [] : [`package.json has no script ${script}`];
  }
  if (program === 'node' || program === 'npx')
    return args
      .filter((word) => /\.m?[jt]s$/.test(word) && !existsSync(path.join(root, word)))
      .map((word) => `${word} is not there`);
  if (program.includes('/')) return existsSync(path.join(root, program)) ? [] : [`${program} is not there`];
  return foreign.has(program) ? [] : [`nothing is known of the program ${program}`];
}

function checkCli([command = '', ...args]: string[]): string[] {
  if (!cliCommands.has(command)) return [`the command line has no command ${command}`];
  const flags = args.filter((word) => word.startsWith('-')).map((word) => word.replace(/^--?/, '').replace(/=.*/s, ''));
  const hasJson = takesJson(command as CommandName);
  return flags
    .filter((flag) => !(inputNames as string[]).includes(flag) && !(flag === 'json' && hasJson))
    .map((flag) => `${command} has no flag --${flag}`);
}
