/** --build-context of `build`: further files and images that a Dockerfile finds by a name. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cli } from '../cli.ts';
import { isUrl } from '../download.ts';
import { CliError, EXIT } from '../failure.ts';
import { packContext } from './context.ts';
import { packLayout, parseLayoutPlace } from './layout-archive.ts';

/** A source that is sent as the tar of an OCI layout. */
export const LAYOUT = 'oci-layout:';

export interface NamedContexts {
  /** As in ImageBuildOptions. */
  readonly sources: Readonly<Record<string, string>>;
  /** Tars of those that are sent. */
  readonly sent: ReadonlyMap<string, AsyncIterable<Buffer>>;
}

/**
 * NAME=DIRECTORY, NAME=URL of a tar or a git repository, NAME=docker-image://REFERENCE or NAME=oci-layout://DIRECTORY. Throws
 * CliErrors.
 */
export function readNamedContexts(texts: readonly string[], { cwd }: Pick<Cli, 'cwd'>): NamedContexts {
  const sources: Record<string, string> = {};
  const sent = new Map<string, AsyncIterable<Buffer>>();
  for (const text of texts) {
    const { name, place } = parseContext(text);
    if (Object.hasOwn(sources, name)) throw refused(`--build-context ${name} is given twice`, 'remove one');
    const layout = /^oci-layout:(?:\/\/)?(.+)$/.exec(place)?.[1];
    if (layout !== undefined) {
      const { directory, ...version } = parseLayoutPlace(layout);
      sources[name] = LAYOUT;
      sent.set(name, packLayout({ ...version, directory: resolve(cwd, directory) }));
    } else if (isUrl(place) || /^git@/.test(place)) {
      sources[name] = checkUrl(place);
    } else {
      sources[name] = '';
      sent.set(name, packContext(checkDirectory(resolve(cwd, place), text)));
    }
  }
  return { sources, sent };
}

function parseContext(text: string): { name: string; place: string } {
  const [, name = '', place = ''] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (name !== '') return { name, place };
  throw refused(`invalid argument "${text}" for --build-context`, 'write NAME=DIRECTORY or NAME=docker-image://IMAGE');
}

function checkUrl(place: string): string {
  const scheme = /^([a-z0-9+.-]+):\/\//i.exec(place)?.[1]?.toLowerCase() ?? '';
  if (['', 'docker-image', 'http', 'https', 'git', 'ssh'].includes(scheme)) return place;
  throw refused(
    `--build-context ${place} is not supported`,
    'write a directory, docker-image://IMAGE, oci-layout://DIRECTORY or https://URL',
  );
}

function checkDirectory(directory: string, text: string): string {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return directory;
  throw refused(`--build-context ${text} is no directory`, 'name one that is there');
}

function refused(message: string, hint: string): CliError {
  return new CliError(message, { hint, exitCode: EXIT.refused });
}
