/** `build` of a service (Compose Build specification). */
import { longBuild } from '../forms/key-values.ts';
import { extraHosts, ulimits } from './containers.ts';
import type { JsonObject } from './json.ts';
import { fileReference } from './mounts.ts';
import { boolean, bytes, keyValues, list, object, oneOrMore, type Read, strings, text, textOrNumber } from './read.ts';

/** "default" is the user's agent; others have the path of a key or socket: "id=path". */
const ssh: Read = (cursor, mode) => {
  if (cursor.tree.kind === 'sequence') return strings(cursor, mode);
  const keys = keyValues('')(cursor, mode) as JsonObject | undefined;
  return Object.entries(keys ?? {}).map(([id, path]) => (path === '' ? id : `${id}=${String(path)}`));
};

const LONG = object({
  context: text,
  dockerfile: text,
  dockerfile_inline: text,
  entitlements: strings,
  args: keyValues(null),
  provenance: textOrNumber,
  sbom: textOrNumber,
  ssh,
  labels: keyValues(''),
  cache_from: oneOrMore(text),
  cache_to: oneOrMore(text),
  no_cache: boolean,
  no_cache_filter: oneOrMore(text),
  additional_contexts: keyValues(''),
  pull: boolean,
  extra_hosts: extraHosts,
  isolation: text,
  network: text,
  target: text,
  secrets: list(fileReference(undefined)),
  shm_size: bytes,
  tags: strings,
  ulimits,
  platforms: strings,
  privileged: boolean,
});

export const build: Read = (cursor, mode) => LONG(cursor.withTree(longBuild(cursor.tree)), mode);
