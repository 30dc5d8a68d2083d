/** What a stage has come to after an instruction: config, layers and arguments. Pure. */
import type { Digest } from '../../proto/ids.ts';
import type { HistoryEntry, ImageDocument } from '../image/image-config.ts';
import { type Descriptor, OCI_LAYER } from '../image/manifest.ts';
import type { CacheEntry } from './build-cache.ts';
import { environmentOf } from './config-changes.ts';
import type { CachedStep } from './inline-cache.ts';
import type { Expander } from './words.ts';

export interface StageState {
  readonly document: ImageDocument;
  /** The layers' blobs and chain ids, lowest first. */
  readonly layers: readonly Descriptor[];
  readonly chain: readonly Digest[];
  /** ARGs declared so far that have a value. */
  readonly args: ReadonlyMap<string, string>;
  readonly hasOwnCommand: boolean;
  /** Those that its layers are from, without the base image's. */
  readonly steps: readonly CachedStep[];
}

/** A step's result with what it is found by. */
export type StepResult = CacheEntry & Pick<CachedStep, 'key'>;

/** Variables of the stage; ENV wins over ARG, as in Docker. */
export function expanderOf(state: StageState, escapeChar: string): Expander {
  const environment = environmentOf(state.document.config);
  return { variables: (name) => environment(name) ?? state.args.get(name), escapeChar };
}

/** The state after an instruction that made a layer, or would have. */
export function withLayer(before: StageState, entry: StepResult, createdBy: string): StageState {
  const { key, layer, createdAtMs } = entry;
  const index = layer === undefined ? undefined : before.layers.length;
  const state = { ...before, steps: [...before.steps, { key, layer: index, createdAtMs }] };
  const created = new Date(createdAtMs).toISOString();
  const history: HistoryEntry = { created, created_by: createdBy, empty_layer: layer === undefined ? true : undefined };
  const next = withHistory(state, history);
  if (layer === undefined) return next;
  return {
    ...next,
    document: { ...next.document, created, diffIds: [...next.document.diffIds, layer.diffId] },
    layers: [...next.layers, { mediaType: layer.mediaType ?? OCI_LAYER, digest: layer.digest, size: layer.size }],
    chain: [...next.chain, layer.chainId],
  };
}

/** The state after an instruction that changed the config alone. It has no time of its own, so that ids stay the same. */
export function withConfigChange(state: StageState, createdBy: string): StageState {
  return withHistory(state, { created: state.document.created, created_by: createdBy, empty_layer: true });
}

function withHistory(state: StageState, entry: HistoryEntry): StageState {
  return { ...state, document: { ...state.document, history: [...state.document.history, entry] } };
}
