/** `volumes:` and `tmpfs:` of a service, short and long form (Compose specification, "volumes", "tmpfs"). */
import { isAbsolute, resolve } from 'node:path';
import { Mount, MountType } from '../../proto/generated/gantry/v1/types.ts';
import { parseMount } from './forms/mount.ts';
import { BIND_KEYS, MOUNT_KEYS, TMPFS_KEYS, VOLUME_OPTION_KEYS } from './keys.ts';
import type { Cursor } from './syntax/cursor.ts';
import { parseBytes } from './syntax/quantities.ts';
import { checkTemplate, readLabelTemplates } from './templates.ts';

export interface MountContext {
  /** Relative host paths are relative to this. */
  readonly projectDirectory: string;
  readonly home: string | undefined;
  /** The full volume name and its settings; throws by `cursor.problem` when it isn't defined. */
  readonly volume: (name: string, cursor: Cursor) => Pick<Mount, 'source' | 'volume'>;
}

const SHORT_HINT = 'write VOLUME:PATH or HOSTPATH:PATH, with :ro at the end for read-only';
const PROPAGATIONS = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'] as const;

export function readMount(entry: Cursor, context: MountContext): Mount {
  const mount = entry.tree.kind === 'mapping' ? readLong(entry, context) : readShort(entry, context);
  if (!isAbsolute(mount.target)) {
    throw entry.problem(`the container path "${mount.target}" is not absolute`, 'start it with "/"');
  }
  checkTemplate(entry, mount.target, 'target');
  // That of a volume is checked where the volume is defined.
  if (mount.type === MountType.BIND) checkTemplate(entry, mount.source, 'source');
  return mount;
}

function readShort(entry: Cursor, context: MountContext): Mount {
  const text = entry.string();
  const form = parseMount(text);
  if (typeof form === 'string') throw entry.problem(`invalid volume "${text}": ${form}`, SHORT_HINT);
  const { source, target, readOnly, noCopy, propagation, selinux } = form;
  const option = [...form.unknown, selinux].find((one) => one !== '');
  if (option !== undefined) throw entry.problem(`unknown volume option "${option}"`, SHORT_HINT);
  if (form.type === 'bind') {
    return Mount.fromPartial({
      ...{ type: MountType.BIND, source: hostPath(source, context, entry), target, readOnly },
      ...{ bindPropagation: propagation, bindCreateHostPath: true },
    });
  }
  if (propagation !== '') throw entry.problem('propagation is for host paths only', 'remove it');
  const volume = source === '' ? {} : context.volume(source, entry);
  return Mount.fromPartial({ type: MountType.VOLUME, ...volume, target, readOnly, volumeNoCopy: noCopy });
}

function hostPath(source: string, context: MountContext, entry: Cursor): string {
  if (/^([A-Za-z]:|\\\\)/.test(source))
    throw entry.problem(`"${source}" is a path of Windows`, 'write one of the hosts');
  if (!source.startsWith('~')) return resolve(context.projectDirectory, source);
  if (context.home === undefined || !/^~(\/|$)/.test(source)) {
    throw entry.problem(`cannot tell the home directory in "${source}"`, 'write the path out');
  }
  return resolve(context.home, `.${source.slice(1)}`);
}

function readLong(entry: Cursor, context: MountContext): Mount {
  entry.checkKeys(MOUNT_KEYS);
  const typeCursor = entry.child('type');
  if (typeCursor === undefined) throw entry.problem('has no type', 'add "type: volume", bind or tmpfs');
  const type = typeCursor.oneOf(['volume', 'bind', 'tmpfs']);
  const target = entry.child('target')?.string();
  if (target === undefined) throw entry.problem('has no target', 'add "target: PATH"');
  const source = entry.field('source', (cursor) => cursor.string());
  for (const other of (['bind', 'volume', 'tmpfs'] as const).filter((key) => key !== type)) {
    entry.child(other)?.report(`does not go with "type: ${type}"`, 'remove it');
  }
  const readOnly = entry.field('read_only', (cursor) => cursor.boolean()) ?? false;
  switch (type) {
    case 'volume':
      return longVolume(entry, { target, readOnly }, source, context);
    case 'bind':
      return longBind(entry, { target, readOnly }, source, context);
    case 'tmpfs':
      if (source !== undefined) throw entry.problem('a tmpfs has no source', 'remove it');
      return longTmpfs(entry, { target, readOnly });
  }
}

type Basics = Pick<Mount, 'target' | 'readOnly'>;

function longVolume(entry: Cursor, basics: Basics, source: string | undefined, context: MountContext): Mount {
  const options = entry.child('volume');
  options?.checkKeys(VOLUME_OPTION_KEYS);
  const named: Partial<Pick<Mount, 'source' | 'volume'>> = source === undefined ? {} : context.volume(source, entry);
  const labels = options?.field('labels', readLabelTemplates);
  const volume = named.volume ?? { driver: '', driverOpts: {}, labels: {} };
  return Mount.fromPartial({
    type: MountType.VOLUME,
    ...basics,
    ...named,
    ...(labels === undefined ? {} : { volume: { ...volume, labels: { ...volume.labels, ...labels } } }),
    volumeNoCopy: options?.field('nocopy', (cursor) => cursor.boolean()) ?? false,
  });
}

function longBind(entry: Cursor, basics: Basics, source: string | undefined, context: MountContext): Mount {
  if (source === undefined) throw entry.problem('a bind mount needs a source', 'add "source: HOSTPATH"');
  const options = entry.child('bind');
  options?.checkKeys(BIND_KEYS);
  return Mount.fromPartial({
    type: MountType.BIND,
    ...basics,
    source: hostPath(source, context, entry),
    bindPropagation: options?.field('propagation', (cursor) => cursor.oneOf(PROPAGATIONS)) ?? '',
    // The long form doesn't make the host path unless asked (Compose specification).
    bindCreateHostPath: options?.field('create_host_path', (cursor) => cursor.boolean()) ?? false,
  });
}

function longTmpfs(entry: Cursor, basics: Basics): Mount {
  const options = entry.child('tmpfs');
  options?.checkKeys(TMPFS_KEYS);
  return Mount.fromPartial({
    type: MountType.TMPFS,
    ...basics,
    tmpfsSizeBytes: options?.field('size', (cursor) => cursor.bytes()) ?? 0,
    tmpfsMode: options?.field('mode', (cursor) => cursor.fileMode()) ?? 0,
  });
}

/** `tmpfs: /run` and `tmpfs: /run:size=64m,mode=755` */
export function readTmpfs(entry: Cursor): Mount {
  const text = entry.string();
  const colon = text.indexOf(':');
  const target = colon < 0 ? text : text.slice(0, colon);
  if (!isAbsolute(target)) throw entry.problem(`the container path "${target}" is not absolute`, 'start it with "/"');
  const mount = Mount.fromPartial({ type: MountType.TMPFS, target });
  for (const option of colon < 0 ? [] : text.slice(colon + 1).split(',')) applyTmpfsOption(entry, mount, option);
  return mount;
}

function applyTmpfsOption(entry: Cursor, mount: Mount, option: string): void {
  const [name, value = ''] = option.split('=');
  const size = name === 'size' ? parseBytes(value) : undefined;
  if (size !== undefined) {
    mount.tmpfsSizeBytes = size;
  } else if (name === 'mode' && /^[0-7]{3,5}$/.test(value)) mount.tmpfsMode = Number.parseInt(value, 8);
  else if (option === 'ro') mount.readOnly = true;
  else if (option !== 'rw') {
    throw entry.problem(`tmpfs option "${option}" is not supported`, 'size=, mode=, ro and rw are');
  }
}
