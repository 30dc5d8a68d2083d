/** --cache-from and --cache-to, made ready for a build. */
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type CacheExport, CacheSteps } from '../../proto/generated/gantry/v1/engine.ts';
import { extractFiles } from '../archive/extract-files.ts';
import { type Cli, complain } from '../cli.ts';
import { CliError, EXIT } from '../failure.ts';
import { type CacheTarget, readCacheSource, readCacheTarget } from './cache-flags.ts';
import { packLayout, parseLayoutPlace } from './layout-archive.ts';
import { LAYOUT, type NamedContexts } from './named-contexts.ts';

export interface TakenCaches extends NamedContexts {
  /** As in ImageBuildOptions. */
  readonly images: readonly string[];
}

/** A directory that isn't there yet is no reason not to build: the first build of a job has none. Throws CliErrors. */
export async function readCacheSources(cli: Cli, texts: readonly string[]): Promise<TakenCaches> {
  const sent = new Map<string, AsyncIterable<Buffer>>();
  const images: string[] = [];
  for (const text of texts) {
    const source = readCacheSource(text);
    if (source.kind === 'image') {
      images.push(source.reference);
      continue;
    }
    const place = parseLayoutPlace(source.place);
    const directory = resolve(cli.cwd, place.directory);
    if (!existsSync(join(directory, 'index.json'))) {
      await complain(cli, `warning: no build cache from ${place.directory}: there is no index.json`);
      continue;
    }
    // No FROM can mean it: names there have no spaces.
    const name = `cache from ${sent.size}`;
    sent.set(name, packLayout({ ...place, directory }));
    images.push(`${LAYOUT}${name}`);
  }
  return { images, sent, sources: Object.fromEntries([...sent.keys()].map((name) => [name, LAYOUT])) };
}

export interface KeptCaches {
  readonly isInline: boolean;
  readonly export: CacheExport | undefined;
  /** Where its files go. */
  readonly directory: string | undefined;
}

/** `tags`: names of the image itself. Throws CliErrors. */
export function readCacheTargets(texts: readonly string[], tags: readonly string[]): KeptCaches {
  const targets = texts.map((text) => readCacheTarget(text));
  const local = targets.filter((target) => target.kind === 'local');
  const references = targets.flatMap((target) => (target.kind === 'registry' ? [target.reference] : []));
  if (local.length > 1) throw refused('several caches of type local', 'write one, and copy it');
  const taken = references.find((reference) => tags.includes(reference));
  if (taken !== undefined) {
    throw refused(`the cache ${taken} is the image's own name`, 'write type=inline, or another ref');
  }
  return {
    isInline: targets.some(({ kind }) => kind === 'inline'),
    export: targets.some(({ kind }) => kind !== 'inline')
      ? { steps: stepsOf(targets), references, files: local.length > 0 }
      : undefined,
    directory: local[0]?.directory,
  };
}

function stepsOf(targets: readonly CacheTarget[]): CacheSteps {
  return targets.some((target) => target.kind !== 'inline' && target.steps === 'all')
    ? CacheSteps.ALL
    : CacheSteps.TARGET;
}

/** What was there for earlier builds stays, as far as this one doesn't replace it. */
export async function writeCache(cli: Cli, directory: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
  const path = resolve(cli.cwd, directory);
  mkdirSync(path, { recursive: true });
  await extractFiles(archive, path, { replaces: 'anything', owner: 'user' });
}

function refused(message: string, hint: string): CliError {
  return new CliError(message, { hint, exitCode: EXIT.refused });
}
