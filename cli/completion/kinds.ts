/** What an argument or the value of a flag can be: told by its name in the command's usage, and by what help says of it. */
import type { Argument, Option } from 'commander';
import { wordsOf } from '../options/words.ts';

/** Things that have names. */
export type Named =
  | 'client'
  | 'compose profile'
  | 'compose service'
  | 'config'
  | 'container'
  | 'context'
  | 'image'
  | 'network'
  | 'node'
  | 'object'
  | 'secret'
  | 'service'
  | 'stack'
  | 'volume';

export type Kind =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'names'; readonly of: Named; readonly suffix?: string }
  | { readonly kind: 'files' }
  /** Anything: nothing can be offered. */
  | { readonly kind: 'free' };

const FREE: Kind = { kind: 'free' };
const FILES: Kind = { kind: 'files' };
const names = (of: Named): Kind => ({ kind: 'names', of });

/** Arguments by their names. Every name that a command uses is here, or in FREE_ARGUMENTS. */
const ARGUMENTS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['client', names('client')],
  ['config', names('config')],
  ['container', names('container')],
  ['destination-path', FILES],
  ['context', names('context')],
  ['file', FILES],
  ['image', names('image')],
  ['network', names('network')],
  ['node', names('node')],
  ['object', names('object')],
  ['path', FILES],
  ['reference', names('image')],
  ['repository', names('image')],
  ['role', { kind: 'words', words: ['worker', 'manager'] }],
  ['secret', names('secret')],
  ['service', names('service')],
  ['service=number', { kind: 'names', of: 'compose service', suffix: '=' }],
  ['service=replicas', { kind: 'names', of: 'service', suffix: '=' }],
  ['source', names('image')],
  ['source-path', { kind: 'names', of: 'container', suffix: ':' }],
  ['stack', names('stack')],
  ['volume', names('volume')],
]);

/** Names of what is new, or of what only its maker knows. */
export const FREE_ARGUMENTS: ReadonlySet<string> = new Set([
  'command',
  'manager',
  'name',
  'port',
  'ps-options',
  'server',
  'shell',
  'target',
  'version',
]);

/** Of these commands, services are those of the compose files. */
const READS_FILES = /^(compose |stack config$)/;

export function kindOfArgument(argument: Argument, commandName: string): Kind {
  const name = argument.name();
  if (name === 'service') return servicesFor(commandName, '');
  if (argument.argChoices !== undefined) return { kind: 'words', words: argument.argChoices };
  return ARGUMENTS.get(name) ?? wordsIn(argument.description) ?? FREE;
}

function servicesFor(commandName: string, suffix: string): Kind {
  return { kind: 'names', of: READS_FILES.test(commandName) ? 'compose service' : 'service', suffix };
}

export function isKnownArgument(name: string): boolean {
  return ARGUMENTS.has(name) || FREE_ARGUMENTS.has(name);
}

/** Values of flags by their names. */
const VALUES: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['container', names('container')],
  ['destination-path', FILES],
  ['context', names('context')],
  ['directory', FILES],
  ['file', FILES],
  ['image', names('image')],
  ['network', names('network')],
  ['path', FILES],
  ['platform', { kind: 'words', words: ['linux/amd64', 'linux/arm64'] }],
  ['profile', names('compose profile')],
  ['secret', names('secret')],
  [
    'signal',
    {
      kind: 'words',
      words: ['HUP', 'INT', 'QUIT', 'KILL', 'USR1', 'USR2', 'TERM', 'CONT', 'STOP', 'WINCH'].map(
        (word) => `SIG${word}`,
      ),
    },
  ],
  ['volume', names('volume')],
]);

export function kindOfValue(option: Option, commandName: string): Kind {
  const words = option.argChoices ?? wordsOf(option.parseArg);
  if (words !== undefined) return { kind: 'words', words };
  const name = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? '';
  const ofServices = /^service(=number)?$/.exec(name);
  if (ofServices !== null) return servicesFor(commandName, ofServices[1] === undefined ? '' : '=');
  return VALUES.get(name) ?? wordsIn(option.description) ?? FREE;
}

/** "worker or manager", "always, missing or never (default: missing)": what help says there is. */
function wordsIn(description: string): Kind | undefined {
  const match = /^((?:[a-z][a-z_-]*, )*[a-z][a-z_-]*) or ([a-z][a-z_-]*)(?: \(default: [^)]*\))?$/.exec(description);
  if (match === null) return undefined;
  return { kind: 'words', words: [...(match[1] ?? '').split(', '), match[2] ?? ''] };
}
