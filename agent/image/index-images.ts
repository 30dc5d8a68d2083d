/** Images for several platforms of which one index is, and what its names stand for. Pure functions of the index of images. */
import type { Digest } from '../../proto/ids.ts';
import { chooseFor, type Platform } from '../platform/platform.ts';
import { type ImageRecord, type IndexState, type NameRecord, settleOthers } from './image-index.ts';

/** Those here of what names stand for: of an index, or of a manifest itself. */
export function manifestsOf({ names, others }: IndexState, target: Digest): readonly Digest[] {
  const named = [...names.values()].find((one) => one.target === target)?.manifest;
  return named === undefined ? [] : [named, ...(others.get(target) ?? [])];
}

export interface Arrival {
  /** Of the index `target`, or it itself; in the index of images already. */
  readonly manifests: readonly [Digest, ...Digest[]];
  readonly target: Digest;
  /** Canonical; none where it has its names already. */
  readonly names: readonly string[];
  readonly nowMs: number;
}

/** All names of an index stand for the same image: for the host's platform, if that is here. The others are beside it. */
export function withArrived(state: IndexState, arrival: Arrival, host: Platform): IndexState {
  const { manifests, target, names, nowMs } = arrival;
  const here = new Set([...manifests, ...manifestsOf(state, target)]);
  const isFor = chooseFor([...here], (digest) => state.images.get(digest)?.document ?? NOWHERE, host);
  const manifest = isFor ?? manifests[0];
  here.delete(manifest);
  const known = [...state.names]
    .filter(([, named]) => named.target === target)
    .map(([name, named]): [string, NameRecord] => [name, { ...named, manifest }]);
  const given = names.map((name): [string, NameRecord] => [name, { manifest, target, taggedAtMs: nowMs }]);
  return settleOthers({
    ...state,
    names: new Map([...state.names, ...known, ...given]),
    others: new Map(state.others).set(target, [...here]),
  });
}

/** Fits no host. */
const NOWHERE: Platform = { os: 'none', architecture: 'none' };

/** Images that are only there beside what a name stands for, for another platform. */
export function hiddenImages({ names, others }: IndexState): ReadonlySet<Digest> {
  const hidden = new Set([...others.values()].flat());
  if (hidden.size > 0) for (const { manifest } of names.values()) hidden.delete(manifest);
  return hidden;
}

/** Those that users see: without other platforms of the same names. */
export function visibleImages(state: IndexState): ImageRecord[] {
  const hidden = hiddenImages(state);
  return [...state.images.values()].filter(({ manifestDigest }) => !hidden.has(manifestDigest));
}

/** Those for other platforms that are beside an image and nothing else, by any of its names. */
export function besides(state: IndexState, id: Digest): ImageRecord[] {
  const hidden = hiddenImages(state);
  if (hidden.size === 0) return [];
  const targets = [...state.names.values()]
    .filter(({ manifest }) => state.images.get(manifest)?.id === id)
    .map(({ target }) => target);
  const digests = new Set(targets.flatMap((target) => state.others.get(target) ?? []));
  return [...digests].filter((digest) => hidden.has(digest)).flatMap((digest) => state.images.get(digest) ?? []);
}
