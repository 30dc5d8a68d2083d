/** Finds the command that a command line names. */
import { suggest } from '../../proto/suggestion.ts';
import { verbFirst } from './compose-words.ts';
import { COMMANDS, type CommandEntry, NOUNS, UNSUPPORTED } from './registry.ts';

export type Lookup =
  | { readonly kind: 'command'; readonly entry: CommandEntry; readonly path: string; readonly rest: readonly string[] }
  /** A noun alone, or with --help. */
  | { readonly kind: 'noun'; readonly noun: string }
  | { readonly kind: 'unsupported'; readonly path: string; readonly hint: string }
  | { readonly kind: 'unknown'; readonly path: string; readonly suggestion: string | undefined };

export function lookUp(words: readonly string[]): Lookup {
  const [first = ''] = words;
  const noun = NOUNS.find(({ name, aliases }) => name === first || aliases.includes(first))?.name;
  if (noun === undefined) return lookUpName(first, first, words.slice(1));
  const [second, ...rest] = noun === 'compose' ? verbFirst(words.slice(1)) : words.slice(1);
  if (second === undefined || second === '--help') return { kind: 'noun', noun };
  const verb = noun === 'compose' && (second === '-v' || second === '--version') ? 'version' : second;
  return lookUpName(`${noun} ${verb}`, `${first} ${verb}`, rest);
}

function lookUpName(name: string, typed: string, rest: readonly string[]): Lookup {
  const entry = COMMANDS.find(({ names }) => names.includes(name));
  if (entry !== undefined) return { kind: 'command', entry, path: typed, rest };
  const hint = UNSUPPORTED.get(name);
  if (hint !== undefined) return { kind: 'unsupported', path: typed, hint };
  return { kind: 'unknown', path: typed, suggestion: suggest(name, knownNames(name.includes(' '))) };
}

/** Names of two words are compared with names of two words: the noun is right already. */
function knownNames(withNoun: boolean): string[] {
  const names = COMMANDS.flatMap((entry) => [...entry.names]);
  return [
    ...names.filter((name) => name.includes(' ') === withNoun),
    ...(withNoun ? [] : NOUNS.map(({ name }) => name)),
  ];
}
