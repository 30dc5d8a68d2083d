/** Files that ADD, or a build's context, take from elsewhere: a URL, or a git repository. Pure. */
import { posix } from 'node:path';
import { GantryError } from '../../proto/errors.ts';

export type RemoteSource =
  | { readonly kind: 'url'; readonly url: string }
  | {
      readonly kind: 'git';
      readonly repository: string;
      /** Branch, tag or commit; empty: the repository's default branch. */
      readonly ref: string;
      /** Directory in the repository; empty: all of it. */
      readonly directory: string;
    };

/** Undefined for what is none: a path. Source: docs.docker.com, "Adding files from a Git repository". */
export function parseRemoteSource(text: string): RemoteSource | undefined {
  const isHttp = /^https?:\/\//i.test(text);
  if (/^(?:ssh|git):\/\//.test(text) || /^[\w.-]+@[\w.-]+:/.test(text)) return gitSource(text);
  if (isHttp && /^[^?#]*\.git(?:[?#]|$)/.test(text)) return gitSource(text);
  if (isHttp) return { kind: 'url', url: checkUrl(text) };
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return undefined;
  throw new GantryError('UNSUPPORTED', `files from ${text} are not supported`, {
    hint: 'only http://, https://, git:// and ssh:// are known',
  });
}

function gitSource(text: string): RemoteSource {
  const hash = text.indexOf('#');
  const beforeHash = hash === -1 ? text : text.slice(0, hash);
  const [repository = '', query = ''] = splitAt(beforeHash, '?');
  const [fragmentRef = '', fragmentDirectory = ''] = splitAt(hash === -1 ? '' : text.slice(hash + 1), ':');
  const options = new URLSearchParams(query);
  const ref = options.get('ref') ?? options.get('branch') ?? options.get('tag') ?? fragmentRef;
  const directory = posix.join('/', options.get('subdir') ?? fragmentDirectory).slice(1);
  // git takes what begins with a dash for an option.
  if (ref.startsWith('-') || repository.startsWith('-')) {
    throw new GantryError('INVALID_ARGUMENT', `${text} is no git repository`);
  }
  return { kind: 'git', repository, ref, directory };
}

function splitAt(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}

function checkUrl(text: string): string {
  if (URL.canParse(text)) return text;
  throw new GantryError('INVALID_ARGUMENT', `${text} is no URL`);
}

/** The file's name by its URL's path. Throws INVALID_ARGUMENT when it ends in a slash. */
export function urlFileName(url: string): string {
  const name = decodeSafely(posix.basename(new URL(url).pathname));
  if (name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)) return name;
  throw new GantryError('INVALID_ARGUMENT', `${url} gives the file no name`, {
    hint: 'name the file in the destination, without a slash at its end',
  });
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export type Checksum =
  | { readonly kind: 'sha256'; readonly hex: string }
  | { readonly kind: 'commit'; readonly hex: string };

/** What --checksum says of the source. Throws INVALID_ARGUMENT. */
export function parseChecksum(text: string, source: RemoteSource): Checksum {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(text)?.[1];
  if (source.kind === 'url' && hex !== undefined) return { kind: 'sha256', hex };
  if (source.kind === 'git' && /^[0-9a-f]{7,64}$/.test(text)) return { kind: 'commit', hex: text };
  throw new GantryError('INVALID_ARGUMENT', `--checksum=${text} can't be checked`, {
    hint: source.kind === 'url' ? 'write sha256: and 64 digits' : 'write the id of a commit',
  });
}
