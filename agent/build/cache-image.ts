/** --cache-to: an image that nobody is meant to run, with layers of a build's stages and the steps that they are from. */
import { GantryError } from '../../proto/errors.ts';
import { encodeImageDocument, type ImageDocument } from '../image/image-config.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { LeasedContent } from '../image/leased-content.ts';
import {
  type Descriptor,
  encodeManifest,
  MAX_LAYERS,
  type Manifest,
  OCI_CONFIG,
  OCI_MANIFEST,
} from '../image/manifest.ts';
import { type CachedStage, encodeInlineCache, encodeStageCaches } from './inline-cache.ts';
import type { StageState } from './stage-state.ts';

/** Not among the images of this host: it is there as long as the content's lease. The same stages give the same image. */
export async function makeCacheImage(
  content: LeasedContent,
  stages: readonly [StageState, ...StageState[]],
): Promise<ImageRecord> {
  const document = cacheDocument(stages);
  const layers = uniqueLayers(stages);
  if (layers.length > MAX_LAYERS) {
    const message = `the cache of all stages has ${layers.length} layers, more than the ${MAX_LAYERS} of an image`;
    throw new GantryError('INVALID_ARGUMENT', message, { hint: 'write mode=min: it is of the last stage alone' });
  }
  const described = layers.map(({ blob }) => blob);
  const config: Descriptor = { mediaType: OCI_CONFIG, ...(await content.put(encodeImageDocument(document))) };
  const { digest } = await content.put(encodeManifest(config, described));
  const manifest: Manifest = { kind: 'manifest', mediaType: OCI_MANIFEST, config, layers: described };
  return { id: config.digest, manifestDigest: digest, manifest, document, chainIds: [] };
}

/** Whether it is for caches alone: what can be run has a history. */
export function isCacheImage({ buildCache, history, diffIds }: ImageDocument): boolean {
  return buildCache !== undefined && history.length === 0 && diffIds.length > 0;
}

interface Layer {
  readonly blob: Descriptor;
  readonly diffId: ImageDocument['diffIds'][number];
}

function layersOf({ layers, document }: StageState): Layer[] {
  return layers.map((blob, index) => ({ blob, diffId: document.diffIds[index] ?? blob.digest }));
}

/** By what they unpack to: the stages' layers in the order that they come in. */
function uniqueLayers(stages: readonly StageState[]): Layer[] {
  const known = new Map<string, Layer>();
  for (const layer of stages.flatMap(layersOf)) if (!known.has(layer.diffId)) known.set(layer.diffId, layer);
  return [...known.values()];
}

function cacheDocument(stages: readonly [StageState, ...StageState[]]): ImageDocument {
  const [{ document, steps }, ...others] = stages;
  const diffIds = uniqueLayers(stages).map(({ diffId }) => diffId);
  const cached = stages.map((stage): CachedStage => {
    return { layers: layersOf(stage).map(({ diffId }) => diffIds.indexOf(diffId)), steps: stage.steps };
  });
  // A layer twice in one stage would be there once.
  const isPlain = others.length === 0 && diffIds.length === document.diffIds.length;
  return {
    ...document,
    created: undefined,
    diffIds,
    history: [],
    buildCache: isPlain ? encodeInlineCache(steps) : encodeStageCaches(cached),
  };
}
