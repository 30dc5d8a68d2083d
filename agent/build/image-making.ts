/** The image that is made of what was built, and the index of those for several platforms. */
import { encodeImageDocument, type ImageDocument } from '../image/image-config.ts';
import type { ImageRecord } from '../image/image-index.ts';
import { indexOf } from '../image/platform-index.ts';
import { chooseFor } from '../platform/platform.ts';
import { cacheKey } from './build-cache.ts';
import type { BuildCall, BuildRunParts } from './build-call.ts';
import { encodeInlineCache } from './inline-cache.ts';
import type { StageState } from './stage-state.ts';

export interface ImageMaking {
  readonly shared: Pick<BuildRunParts, 'cache' | 'images' | 'clock'>;
  readonly call: Pick<BuildCall, 'options' | 'lease'>;
  /** See LayerStep. */
  readonly sourceTimeMs: number | undefined;
}

/**
 * One image of each state, with the tags: of several, they are an index's. Resolves with what the tags stand for on this host. The
 * lease keeps the others until they have theirs.
 */
export async function makeImages(
  making: ImageMaking,
  states: readonly [StageState, ...StageState[]],
): Promise<ImageRecord> {
  const { shared, call } = making;
  const { images } = shared;
  const { tags, indexAnnotations } = call.options;
  const [first, ...rest] = states;
  const { lease, options } = call;
  const make = async (state: StageState): Promise<ImageRecord> =>
    await images.registrar.make(await documentOf(making, state), state.layers, lease, options.annotations);
  if (rest.length === 0) {
    return await images.create(await documentOf(making, first), first.layers, tags, lease, options.annotations);
  }
  const record = await make(first);
  const others: ImageRecord[] = [];
  for (const state of rest) others.push(await make(state));
  const records = [record, ...others] as const;
  const index = indexOf(records, (digest) => images.content.size(digest), indexAnnotations);
  const { digest } = await lease.content.put(index);
  await images.registrar.createIndex(records, digest, tags);
  return chooseFor(records, ({ document }) => document, images.platform) ?? record;
}

/** The image's time is its sources', or that of its first build: built again from the cache, it is the same image. */
async function documentOf({ shared, call, sourceTimeMs }: ImageMaking, state: StageState): Promise<ImageDocument> {
  const { options } = call;
  const { cache, clock } = shared;
  const { config } = state.document;
  const labels = { ...config.labels, ...options.labels };
  const buildCache = options.inlineCache ? encodeInlineCache(state.steps) : undefined;
  const document: ImageDocument = {
    ...state.document,
    config: { ...config, labels },
    created: undefined,
    buildCache,
  };
  const key = cacheKey('IMAGE', encodeImageDocument(document).toString());
  const known = options.noCache ? undefined : cache.get(key);
  const createdAtMs = sourceTimeMs ?? known?.createdAtMs ?? clock();
  if (known === undefined) await cache.put(key, { layer: undefined, createdAtMs });
  const created = new Date(createdAtMs).toISOString();
  return { ...document, created };
}
