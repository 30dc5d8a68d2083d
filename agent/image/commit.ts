/** An image made of another one and of what has been changed over it. */
import { rm } from 'node:fs/promises';
import type { ImageConfig } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import { applyChanges } from '../build/config-changes.ts';
import type { ImageDocument } from './image-config.ts';
import { parseTag } from './image-lookup.ts';
import type { ImageParts } from './image-parts.ts';
import type { Packed } from './layer/pack.ts';
import { type Lease, rootsOf } from './lease.ts';
import { OCI_LAYER } from './manifest.ts';

export interface CommitRequest {
  /** Id of the image below. */
  readonly base: Digest;
  readonly config: ImageConfig;
  /** Dockerfile instructions, applied to the config. */
  readonly changes: readonly string[];
  readonly author: string;
  readonly message: string;
  /** What the history says the layer was made by. */
  readonly createdBy: string;
  /** Empty: untagged. */
  readonly reference: string;
  /** Runs `read`, which reads the directory, and whatever that needs around it. */
  readonly reading: <T>(read: () => Promise<T>) => Promise<T>;
}

type CommitStore = Pick<ImageParts, 'find' | 'workers' | 'garbage' | 'create'>;

/** `upper`: what was changed, in overlayfs' notation. What fails leaves nothing. */
export async function commitImage(
  store: CommitStore,
  upper: string,
  request: CommitRequest,
  nowMs: number,
): Promise<Digest> {
  const names = request.reference === '' ? [] : [request.reference];
  for (const name of names) parseTag(name);
  const config = applyChanges(request.config, request.changes);
  using lease = store.garbage.lease();
  const base = store.find(request.base);
  lease.keep(rootsOf(base));
  const packed = await request.reading(() => packLayer(store, upper, lease));
  const layers = packed === undefined ? [] : [{ mediaType: OCI_LAYER, digest: packed.digest, size: packed.size }];
  const next = nextDocument(base.document, { ...request, config }, packed, new Date(nowMs).toISOString());
  return (await store.create(next, [...base.manifest.layers, ...layers], names, lease)).id;
}

/** Undefined when nothing was changed. */
async function packLayer({ workers }: CommitStore, upper: string, { content }: Lease): Promise<Packed | undefined> {
  const archive = content.ingestPath();
  try {
    const packed = await workers.run({ kind: 'pack', source: upper, archive });
    if (packed.entries === 0) return undefined;
    await content.adopt(archive, packed.digest);
    return packed;
  } finally {
    await rm(archive, { force: true });
  }
}

function nextDocument(
  base: ImageDocument,
  { config, author, message, createdBy }: CommitRequest,
  packed: Packed | undefined,
  created: string,
): ImageDocument {
  const entry = {
    created,
    created_by: createdBy,
    author: author || undefined,
    comment: message || undefined,
    empty_layer: packed === undefined ? true : undefined,
  };
  return {
    ...base,
    created,
    author: author || undefined,
    config,
    diffIds: packed === undefined ? base.diffIds : [...base.diffIds, packed.digest],
    history: [...base.history, entry],
  };
}
