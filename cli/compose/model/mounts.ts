/** `volumes`, `devices`, `secrets` and `configs` of a service in long form. */
import { cleanTarget, parseMount } from '../forms/mount.ts';
import type { Cursor } from '../syntax/cursor.ts';
import { isEmptyObject, isObject, type Json, type JsonObject, objectOf } from './json.ts';
import {
  anyInteger,
  boolean,
  bytes,
  fileMode,
  kept,
  keyValues,
  type Mode,
  object,
  oneOf,
  type Read,
  text,
} from './read.ts';

const bind = object({
  propagation: text,
  create_host_path: kept(boolean),
  recursive: oneOf('enabled', 'disabled', 'writable', 'readonly'),
  selinux: oneOf('z', 'Z'),
});

const MOUNT = object(
  {
    type: oneOf('bind', 'volume', 'tmpfs', 'cluster', 'npipe', 'image'),
    source: text,
    target: (cursor, mode) => cleanTarget(text(cursor, mode)),
    read_only: boolean,
    consistency: text,
    bind: (cursor, mode) => ({ create_host_path: true, ...objectOf(bind(cursor, mode)) }),
    volume: object({ labels: keyValues(''), nocopy: boolean, subpath: text }),
    tmpfs: object({ size: bytes, mode: anyInteger }),
    image: object({ subpath: text }),
  },
  ['type'],
);

export const mount: Read = (cursor, mode) => {
  if (cursor.tree.kind === 'scalar') return shortMount(cursor, mode);
  const read = MOUNT(cursor, mode);
  const target = cursor.child('target');
  if (target === undefined) cursor.report('has no target', 'add "target: PATH"');
  if (isObject(read) && read.type === 'bind' && read.source === undefined) {
    cursor.report('a bind mount needs a source', 'add "source: HOSTPATH"');
  }
  return read;
};

/** Compose's parser takes "/" and "/d" as they are, without the options that it gives to all others. */
const SHORTEST = 2;

function shortMount(cursor: Cursor, mode: Mode): Json {
  const written = text(cursor, mode);
  const parsed = parseMount(written);
  if (typeof parsed === 'string') {
    throw cursor.problem(
      `invalid volume "${written}": ${parsed}`,
      'write VOLUME:PATH or HOSTPATH:PATH, with :ro for read-only',
    );
  }
  const { type, source, target, readOnly, noCopy, propagation, selinux } = parsed;
  const options = { ...(propagation === '' ? {} : { propagation }), ...(selinux === '' ? {} : { selinux }) };
  return {
    type,
    ...(source === '' ? {} : { source }),
    target: cleanTarget(target),
    ...(readOnly ? { read_only: true } : {}),
    ...(type === 'bind' ? { bind: { ...options, create_host_path: true } } : unlessNone('bind', options)),
    ...((type === 'volume' && written.length > SHORTEST) || noCopy ? { volume: noCopy ? { nocopy: true } : {} } : {}),
  };
}

function unlessNone(key: string, value: JsonObject): JsonObject {
  return isEmptyObject(value) ? {} : { [key]: value };
}

const DEVICE = object({ source: text, target: text, permissions: text }, ['source']);

export const device: Read = (cursor, mode) => {
  if (cursor.tree.kind !== 'scalar') return DEVICE(cursor, mode);
  const [source = '', target = source, permissions = 'rwm', ...more] = text(cursor, mode).split(':');
  if (more.length > 0) throw cursor.problem(`invalid device "${cursor.string()}"`, 'write SOURCE:TARGET:PERMISSIONS');
  return { source, target, permissions };
};

/** `directory`: where it is by default; undefined: that is not said. */
export function fileReference(directory: string | undefined): Read {
  const long = object({ source: text, target: text, uid: text, gid: text, mode: kept(fileMode) });
  return (cursor, mode) => {
    const read = cursor.tree.kind === 'scalar' ? { source: text(cursor, mode) } : long(cursor, mode);
    if (!isObject(read)) return read;
    if (read.source === undefined) throw cursor.problem('has no source', 'add "source: NAME"');
    if (directory === undefined || read.target !== undefined) return read;
    return { ...read, target: `${directory}/${String(read.source)}` };
  };
}
