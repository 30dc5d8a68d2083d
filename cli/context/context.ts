/** A context: where a cluster's managers are, and what to show them. Its file has all of it, and is what travels. */
import { CliError } from '../failure.ts';

export interface Context {
  readonly name: string;
  readonly description: string;
  /** unix:///PATH, or tcp://HOST:PORT of managers in the order in which they are tried; at least one. */
  readonly hosts: readonly string[];
  /** For tcp:// hosts. */
  readonly identity: ContextIdentity | undefined;
}

/** All in PEM. */
export interface ContextIdentity {
  readonly caPem: string;
  readonly certPem: string;
  /** Empty in a file for somebody who has the key already. */
  readonly keyPem: string;
}

/** Of the file's form. */
const VERSION = 1;
/** As Docker's, and of one character, too. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]*$/;

export function checkContextName(name: string): void {
  if (name === 'default') {
    throw new CliError('context "default" is the local socket, or what GANTRY_HOST names', {
      hint: 'choose another name',
    });
  }
  if (NAME.test(name)) return;
  throw new CliError(`invalid context name "${name}"`, {
    hint: 'use letters, digits, "_", ".", "+" and "-", beginning with a letter or digit',
  });
}

export function formatContext({ name, description, hosts, identity }: Context): string {
  const { caPem: ca, certPem: cert, keyPem: key } = identity ?? { caPem: '', certPem: '', keyPem: '' };
  return `${JSON.stringify({ gantryContext: VERSION, name, description, hosts, ca, cert, key }, null, 2)}\n`;
}

/** Throws when it is no context's text; `place` says of which file. */
export function parseContext(text: string, place: string): Context {
  const value = parseJson(text, place);
  const { gantryContext, name, description, hosts, ca, cert, key } = value;
  if (gantryContext !== VERSION) {
    const isOurs = typeof gantryContext === 'number';
    throw isOurs
      ? new CliError(`${place} was written by a newer version of gantry`, { hint: 'install that version' })
      : noContext(place);
  }
  const texts = [name, description, ca, cert, key];
  if (!texts.every((part) => typeof part === 'string') || !isListOfTexts(hosts) || hosts.length === 0) {
    throw noContext(place);
  }
  const [ownName = '', about = '', caPem = '', certPem = '', keyPem = ''] = texts as string[];
  const identity = certPem === '' ? undefined : { caPem, certPem, keyPem };
  return { name: ownName, description: about, hosts, identity };
}

function parseJson(text: string, place: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below, as of what is JSON but no context.
  }
  throw noContext(place);
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function noContext(place: string): CliError {
  return new CliError(`${place} is not a context's file`, {
    hint: '"gantry client create" and "gantry context export" write such files',
  });
}
