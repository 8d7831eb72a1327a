/** Completion scripts, made from the commands and the schema of inputs: what a shell offers is what this version takes. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shells write their variables so
import * as v from 'valibot';
import { inputDocs } from '../inputs/input-docs.ts';
import { type InputName, inputNames, schema } from '../inputs/schema.ts';
import { type CommandName, commandDocs, inputsOf, shells, takesJson } from './help.ts';

export type Shell = (typeof shells)[number];

export function isShell(word: string): word is Shell {
  return (shells as readonly string[]).includes(word);
}

/** The possible values of a flag. */
type Offer = 'files' | 'directories' | readonly string[];

/** In addition to inputs with listed values in the schema: inputs that name files, and the usual profiles. */
const offers: Partial<Record<InputName, Offer>> = {
  profile: ['minimal', 'full', 'production', 'none'],
  chart: 'directories',
  values: 'files',
  kubeconfig: 'files',
  'kind-config': 'files',
  'tools-checksums': 'files',
  build: 'directories',
  dockerfile: 'files',
  'image-archives': 'files',
  job: 'files',
  'results-dir': 'directories',
  legs: 'directories',
};

/** What to offer after a flag; an empty list for free text. */
function offerOf(name: InputName): Offer {
  const entry: v.GenericSchema = schema.entries[name];
  const inner = v.isOfType('optional', entry) ? (entry as v.OptionalSchema<v.GenericSchema, unknown>).wrapped : entry;
  if ('options' in inner && Array.isArray(inner.options)) return inner.options.map(String);
  return offers[name] ?? [];
}

const commands = Object.keys(commandDocs) as CommandName[];

/**
 * The completion of a shell, as a script for it.
 * bash and zsh read it with `source`, fish finds it in its own directory.
 */
export function renderCompletion(shell: Shell): string {
  return `${{ bash: renderBash, zsh: renderZsh, fish: renderFish }[shell]().join('\n')}\n`;
}

/** Flags of a command, `--json` and `--help` included. */
function flagsOf(name: CommandName): string[] {
  return ['help', ...(takesJson(name) ? ['json'] : []), ...inputsOf(name)];
}

/** The arguments that may follow a command; files for tests to run again. */
const positionals: Partial<Record<CommandName, 'files' | readonly string[]>> = {
  rerun: 'files',
  history: 'files',
  completion: shells,
};

// ── bash ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function renderBash(): string[] {
  const values = inputNames.map((name) => `    --${name}) ${offerInBash(offerOf(name))}; return ;;`);
  const flags = commands.map((name) => {
    const words = offerInBash(flagsOf(name).map((flag) => `--${flag}`));
    const own = positionals[name];
    const offered = own === undefined ? words : `if [[ $cur == -* ]]; then ${words}; else ${offerInBash(own)}; fi`;
    return `    ${name}) ${offered} ;;`;
  });
  return [
    '# Completion of k8s-test for bash. Load it with: source <(k8s-test completion bash)',
    '_k8s_test() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word',
    '  COMPREPLY=()',
    '  # bash takes --flag=value apart into three words.',
    '  if [[ $cur == = ]]; then',
    "    cur=''",
    '  elif [[ $prev == = ]]; then',
    '    prev=${COMP_WORDS[COMP_CWORD - 2]}',
    '  fi',
    `  if ((COMP_CWORD == 1)) || { ((COMP_CWORD == 2)) && [[ $prev == help ]]; }; then ${offerInBash([...commands, 'help', '--version', '--help'])}; return; fi`,
    '  # Behind -- the words are those of the test command.',
    '  for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do',
    `    if [[ $word == -- ]]; then ${offerInBash('files')}; return; fi`,
    '  done',
    '  case $prev in',
    ...values,
    '  esac',
    '  case ${COMP_WORDS[1]} in',
    ...flags,
    '  esac',
    '}',
    'complete -F _k8s_test k8s-test',
  ];
}

/** The command that fills COMPREPLY. */
function offerInBash(offer: Offer): string {
  if (offer === 'files') return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")';
  if (offer === 'directories') return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")';
  return offer.length === 0 ? ':' : `mapfile -t COMPREPLY < <(compgen -W '${offer.join(' ')}' -- "$cur")`;
}

// ── zsh ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function renderZsh(): string[] {
  const described = commands.map((name) => `    ${quoteZsh(`${name}:${commandDocs[name].summary}`)}`);
  const cases = commands.map((name) => {
    const flags = inputsOf(name).map((input) => {
      const offer = offerOf(input);
      return quoteZsh(`*--${input}=[${escapeZsh(describe(input))}]:${input}:${offerInZsh(offer)}`);
    });
    const json = takesJson(name) ? ["'--json[print JSON on standard output]'"] : [];
    const own = positionals[name];
    const words = own === undefined ? [] : [quoteZsh(`*:${name}:${offerInZsh(own)}`)];
    return `    ${name}) _arguments ${['"--help[print the help of this command]"', ...json, ...flags, ...words].join(' ')} ;;`;
  });
  return [
    '#compdef k8s-test',
    '# Completion of k8s-test for zsh. Load it with: source <(k8s-test completion zsh)',
    '_k8s-test() {',
    '  local -a commands',
    '  commands=(',
    ...described,
    "    'help:print the help of a command'",
    '  )',
    '  if ((CURRENT == 2)) || [[ $CURRENT == 3 && $words[2] == help ]]; then',
    '    _describe command commands',
    '    return',
    '  fi',
    '  shift words',
    '  ((CURRENT--))',
    '  case $words[1] in',
    ...cases,
    '  esac',
    '}',
    '# As a file of $fpath it is called at once; as a script it is only made known.',
    'if [[ $funcstack[1] == _k8s-test ]]; then _k8s-test "$@"; else compdef _k8s-test k8s-test; fi',
  ];
}

function offerInZsh(offer: Offer): string {
  if (offer === 'files') return '_files';
  if (offer === 'directories') return '_files -/';
  return offer.length === 0 ? ' ' : `(${offer.join(' ')})`;
}

/** Text between the brackets of a specification of _arguments. */
function escapeZsh(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, String.raw`\$&`);
}

function quoteZsh(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

// ── fish ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function renderFish(): string[] {
  const words = commands.map(
    (name) => `complete -c k8s-test -n "__fish_is_nth_token 1" -a ${name} -d ${quoteFish(commandDocs[name].summary)}`,
  );
  const flags = inputNames.map((input) => {
    const users = commands.filter((name) => inputsOf(name).includes(input));
    return `complete -c k8s-test ${within(users)} -l ${input} ${offerInFish(offerOf(input))} -d ${quoteFish(describe(input))}`;
  });
  const own = commands.flatMap((name) => {
    const offer = positionals[name];
    if (offer === undefined) return [];
    return [`complete -c k8s-test ${within([name])} ${offer === 'files' ? '-F' : `-f -a '${[...offer].join(' ')}'`}`];
  });
  return [
    '# Completion of k8s-test for fish. Load it with: k8s-test completion fish | source',
    'complete -c k8s-test -f',
    ...words,
    "complete -c k8s-test -n '__fish_is_nth_token 1' -a help -d 'print the help of a command'",
    `complete -c k8s-test -n '__fish_is_nth_token 2; and __fish_seen_subcommand_from help' -a '${commands.join(' ')}'`,
    "complete -c k8s-test -n '__fish_is_nth_token 1' -l version -d 'print the version of this program'",
    "complete -c k8s-test -l help -s h -d 'print the help of this command'",
    `complete -c k8s-test ${within(commands.filter(takesJson))} -l json -d 'print JSON on standard output'`,
    ...flags,
    ...own,
  ];
}

function within(names: readonly CommandName[]): string {
  return `-n '__fish_seen_subcommand_from ${names.join(' ')}'`;
}

function offerInFish(offer: Offer): string {
  if (offer === 'files') return '-r -F';
  if (offer === 'directories') return "-x -a '(__fish_complete_directories)'";
  return offer.length === 0 ? '-x' : `-x -a '${offer.join(' ')}'`;
}

function quoteFish(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}

/** The first sentence of what an input is for. */
function describe(name: InputName): string {
  const plain = inputDocs[name].description.replaceAll('`', '');
  return plain.split(/(?<=\w)[.:] /)[0] ?? plain;
}
