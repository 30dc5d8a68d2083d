/** Which of two paths of `cp` is a container's, and what is copied to where under which name. Pure. Source: docs.docker.com, "docker container cp". */
import { posix } from 'node:path';
import { CliError, EXIT } from '../failure.ts';

export type CopyPath =
  | { readonly kind: 'local'; readonly path: string }
  /** Standard input or output. */
  | { readonly kind: 'stream' }
  | { readonly kind: 'container'; readonly reference: string; readonly path: string };

export type Inside = Extract<CopyPath, { kind: 'container' }>;
export type Outside = Exclude<CopyPath, { kind: 'container' }>;

export interface CopyRules {
  readonly keepOwners: boolean;
  /** Of the source, if it is one. */
  readonly followLink: boolean;
}

/** A path that begins with a slash or a dot is local, though it may have a colon. Throws CliErrors. */
export function parseCopyPath(text: string): CopyPath {
  if (text === '') throw new CliError('a path is empty', { exitCode: EXIT.failed });
  if (text === '-') return { kind: 'stream' };
  const [, reference = '', path = ''] = /^([^:]+):(.*)$/s.exec(text) ?? [];
  if (reference === '' || /^[./]/.test(text)) return { kind: 'local', path: text };
  // As Docker: relative to the root, wherever the container works.
  return { kind: 'container', reference, path: path.startsWith('/') ? path : `/${path}` };
}

export interface CopySource {
  readonly path: string;
  readonly isDirectory: boolean;
}

/** `kind` is that of what is there, links followed. */
export interface CopyDestination {
  readonly path: string;
  readonly kind: 'directory' | 'file' | 'missing';
}

export interface CopyPlan {
  /** That must be there. */
  readonly directory: string;
  /** What the source is called in it; "." for a directory whose content goes there. */
  readonly name: string;
}

/**
 * Into a directory that is there, under its own name; otherwise under the destination's. Of a directory written DIR/. only the
 * content. Throws CliErrors for what can't be.
 */
export function planCopy(source: CopySource, destination: CopyDestination): CopyPlan {
  if (destination.kind === 'directory') return { directory: destination.path, name: nameOf(source.path) };
  if (destination.kind === 'file' && source.isDirectory) {
    throw new CliError(`cannot copy the directory ${source.path} over the file ${destination.path}`);
  }
  if (!source.isDirectory && /\/\.?$/.test(destination.path)) {
    throw new CliError(
      destination.kind === 'file'
        ? `${destination.path} is not a directory`
        : `there is no directory ${destination.path}`,
      { hint: 'make it first, or leave out the slash' },
    );
  }
  const path = posix.normalize(destination.path).replace(/\/$/, '');
  return { directory: posix.dirname(path), name: posix.basename(path) };
}

/** Its last name; "." for what is only a place: DIR/. , .. and the root. */
function nameOf(path: string): string {
  if (/(?:^|\/)\.$/.test(path)) return '.';
  const name = posix.basename(posix.normalize(path));
  return name === '' || name === '..' ? '.' : name;
}
