/** Identifiers: how they look, and making them from randomness that the caller passes in. */

declare const brand: unique symbol;
export type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 64 hex digits. */
export type ContainerId = Branded<'ContainerId'>;
/** "sha256:" and 64 hex digits. */
export type Digest = Branded<'Digest'>;

/** `size` random bytes: node:crypto's randomBytes, or a seeded stand-in. */
export type RandomBytes = (size: number) => Buffer;

/** 25 characters of [0-9a-z], about 129 random bits: the ids of nodes, services, tasks, networks, ... */
export function newObjectId(random: RandomBytes): string {
  let value = 0n;
  for (const byte of random(17)) value = (value << 8n) | BigInt(byte);
  return value.toString(36).padStart(27, '0').slice(-25);
}

const OBJECT_ID = /^[0-9a-z]{25}$/;

export function isObjectId(text: string): boolean {
  return OBJECT_ID.test(text);
}

export function newContainerId(random: RandomBytes): ContainerId {
  return random(32).toString('hex') as ContainerId;
}

const CONTAINER_ID = /^[0-9a-f]{64}$/;

export function isContainerId(text: string): text is ContainerId {
  return CONTAINER_ID.test(text);
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}
