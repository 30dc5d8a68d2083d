/** The identity of a stack of layers (OCI image spec, "config", Layer ChainID). Pure. */
import { createHash } from 'node:crypto';
import type { Digest } from '../../proto/ids.ts';
import { finishDigest } from './content-store.ts';

/** Of the stack that ends with `diffId` over what `parent` stands for. */
export function chainId(parent: Digest | undefined, diffId: Digest): Digest {
  return parent === undefined ? diffId : finishDigest(createHash('sha256').update(`${parent} ${diffId}`));
}

/** Of each layer with all below it, lowest first. */
export function chainIds(diffIds: readonly Digest[]): readonly Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) chain.push(chainId(chain.at(-1), diffId));
  return chain;
}
