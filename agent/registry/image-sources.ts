/** Where an image's manifests and blobs are read: a registry, other nodes, or both. */
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { familiarName, type Reference } from '../../proto/image-reference.ts';
import type { Repository } from './repository.ts';

export interface ImageSources {
  readonly manifests: Repository;
  /** In the order of trying. */
  readonly blobs: (digest: Digest) => readonly Repository[];
  /** What it is called, for downloads that several share. */
  readonly source: string;
}

/** From one on that the digest picks, so that an image's layers come from all of them. */
export function inTurn<Source>(sources: readonly Source[], digest: Digest): readonly Source[] {
  const first = sources.length === 0 ? 0 : Number.parseInt(digest.slice(-6), 16) % sources.length;
  return [...sources.slice(first), ...sources.slice(0, first)];
}

/**
 * That nodes have the same under a tag: which of them is newer nobody knows. Those that don't answer don't count. Throws
 * AMBIGUOUS.
 */
export async function checkAgreement(
  nodes: readonly Repository[],
  reference: Reference,
  signal: AbortSignal,
): Promise<void> {
  const { tag, digest } = reference;
  if (tag === undefined || digest !== undefined || nodes.length < 2) return;
  const answers = await Promise.allSettled(nodes.map((node) => node.manifest(tag, signal)));
  const digests = new Set(answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.digest] : [])));
  if (digests.size < 2) return;
  const all = [...digests].join(', ');
  throw new GantryError('AMBIGUOUS', `nodes have different images as ${familiarName(reference)}: ${all}`, {
    hint: 'name it by its digest, or give each its own tag',
  });
}
