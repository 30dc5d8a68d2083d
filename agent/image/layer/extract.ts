/**
 * A tar, as it comes, put into a directory of a file system that others may change meanwhile: a running container's. The
 * thread makes that its root first, so that no link leads out of it. It is of no use for anything else afterwards.
 */
import { once } from 'node:events';
import { realpathSync, statSync } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';
import type { Native } from '../../../native/addon/native.ts';
import { GantryError } from '../../../proto/errors.ts';
import { TarDecoder, type TarEvent } from '../tar/decoder.ts';
import type { TarHeader } from '../tar/header.ts';
import { TarApplier } from './applier.ts';
import { hasCode } from './entry-error.ts';
import { entryPath, joinPath } from './entry-path.ts';
import type { LayerNative } from './layer-native.ts';
import { LAYER_LIMITS } from './limits.ts';

export interface ExtractTarget {
  /** Descriptor of the root directory. */
  readonly root: number;
  /** Path in it of a directory; links are followed. */
  readonly directory: string;
  /** Undefined: as the tar says. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

export interface ExtractJob extends ExtractTarget {
  readonly kind: 'extract';
  /** Sends Uint8Arrays, then null; is told of each that it was taken. */
  readonly input: MessagePort;
}

export interface Extracted {
  readonly entries: number;
}

/** NOT_FOUND without the directory. */
export async function extract(
  { root, directory, owner, input }: ExtractJob,
  native: LayerNative & Pick<Native, 'enterRoot'>,
): Promise<Extracted> {
  native.enterRoot(root);
  const below = findDirectory(directory);
  const decoder = new TarDecoder();
  const applier = new TarApplier('/', native, { whiteouts: 'literal', replaces: 'same-kind', ...LAYER_LIMITS });
  try {
    for await (const chunk of received(input)) {
      for (const event of decoder.push(chunk)) {
        const placed = placeBelow(event, below, owner);
        if (placed !== undefined) applier.apply(placed);
      }
    }
    decoder.finish();
    return { entries: applier.finish().entries };
  } finally {
    applier.close();
    input.close();
  }
}

/** Without the slash that it begins with. */
function findDirectory(path: string): string {
  const real = realPath(path);
  if (real === undefined) throw new GantryError('NOT_FOUND', `Could not find the directory ${path}`);
  if (!statSync(real).isDirectory()) throw new GantryError('INVALID_ARGUMENT', `${path} is not a directory`);
  return real.slice(1);
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Undefined for the entry of the directory itself, which is there and stays as it is. */
function placeBelow(event: TarEvent, below: string, owner: ExtractTarget['owner']): TarEvent | undefined {
  if (event.kind !== 'entry') return event;
  const { header } = event;
  const path = entryPath(header.name);
  if (path === '' && header.type === 'directory') return undefined;
  const linkName = header.type === 'link' ? joinPath(below, entryPath(header.linkName)) : header.linkName;
  const placed: TarHeader = { ...header, ...owner, name: joinPath(below, path), linkName };
  return { ...event, header: placed };
}

async function* received(input: MessagePort): AsyncGenerator<Buffer> {
  for (;;) {
    const [chunk] = (await once(input, 'message')) as [Uint8Array<ArrayBuffer> | null];
    if (chunk === null) return;
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    input.postMessage('taken');
  }
}
