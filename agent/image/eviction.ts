/** Which images make room when the disk gets full. Pure. */
import type { Digest } from '../../proto/ids.ts';
import { canonicalName, parseReference } from '../../proto/image-reference.ts';
import type { IndexState } from './image-index.ts';
import { namesOf } from './image-lookup.ts';
import { besides, visibleImages } from './index-images.ts';

export interface EvictionCandidate {
  readonly id: Digest;
  /** In full, with tags and with the digests that registries have them under: by them others may need it. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly usedAtMs: number;
}

export interface EvictionRules {
  /** A container was made from it. */
  readonly isUsed: (id: Digest) => boolean;
  /** When one was last; 0: never, or before that was written down. */
  readonly usedAtMs: (id: Digest) => number;
  /** What was used, or came here, since then stays: somebody may be about to use it. */
  readonly beforeMs: number;
}

/** Images that nobody on this host uses, in the order in which they go: the one that was used longest ago first. */
export function evictionCandidates(
  state: IndexState,
  { isUsed, usedAtMs, beforeMs }: EvictionRules,
): EvictionCandidate[] {
  return [...new Set(visibleImages(state).map(({ id }) => id))]
    .map((id) => ({ id, all: [id, ...besides(state, id).map((beside) => beside.id)] }))
    .filter(({ all }) => !all.some(isUsed))
    .map(({ id, all }) => {
      const names = namesOf(state, id);
      const taggedAtMs = names.map((name) => state.names.get(name)?.taggedAtMs ?? 0);
      return { id, names: withDigests(state, names), usedAtMs: Math.max(...all.map(usedAtMs), ...taggedAtMs) };
    })
    .filter((candidate) => candidate.usedAtMs < beforeMs)
    .sort((a, b) => a.usedAtMs - b.usedAtMs || (a.id < b.id ? -1 : 1));
}

function withDigests(state: IndexState, names: readonly string[]): string[] {
  const digests = names.flatMap((name) => {
    const digest = state.names.get(name)?.target;
    return digest === undefined ? [] : canonicalName({ ...parseReference(name), tag: undefined, digest });
  });
  return [...new Set([...names, ...digests])];
}

export interface DiskFill {
  readonly totalBytes: number;
  readonly usedBytes: number;
}

/** Whether more than `highPercent` of the disk is used. */
export function isAboveMark({ totalBytes, usedBytes }: DiskFill, highPercent: number): boolean {
  return usedBytes * 100 > totalBytes * highPercent;
}
