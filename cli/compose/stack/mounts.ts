/** `volumes` and `tmpfs` of a service. */
import { isAbsolute } from 'node:path';
import { Mount, MountType } from '../../../proto/generated/gantry/v1/types.ts';
import { TMPFS_OPTION, TMPFS_OPTIONS_HINT } from '../../../proto/tmpfs-options.ts';
import { parseMount } from '../forms/mount.ts';
import { parseBytes } from '../syntax/quantities.ts';
import type { ServiceContext } from './context.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { checkTemplate, readLabelTemplates } from './templates.ts';

const SHORT_HINT = 'write VOLUME:PATH or HOSTPATH:PATH, with :ro at the end for read-only';
const PROPAGATIONS = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'] as const;
const TYPES = ['volume', 'bind', 'tmpfs', 'image'] as const;

/** Throws for one that can't be honoured. */
export function convertMount(item: ModelCursor, context: ServiceContext): Mount {
  checkShortOptions(item);
  const mount = item.object({}, (fields) => readMount(item, fields, context));
  if (!isAbsolute(mount.target)) {
    throw item.problem(`the container path "${mount.target}" is not absolute`, 'start it with "/"');
  }
  checkTemplate(item, mount.target, 'target');
  // That of a volume is checked where the volume is defined.
  if (mount.type === MountType.BIND) checkTemplate(item, mount.source, 'source');
  return mount;
}

/** How files are shared with the virtual machine of a desktop: there is none. */
const DESKTOP_OPTIONS: ReadonlySet<string> = new Set(['cached', 'delegated', 'consistent']);

/** Compose drops options that it doesn't know: they aren't in the model. */
function checkShortOptions(item: ModelCursor): void {
  const { written } = item;
  // Most have none: two colons at least are where there are options.
  if (written?.kind !== 'scalar' || !/:.*:/.test(written.text)) return;
  const form = parseMount(written.text);
  if (typeof form === 'string') return;
  const option = form.unknown.find((one) => !DESKTOP_OPTIONS.has(one));
  if (option !== undefined) throw item.problem(`unknown volume option "${option}"`, SHORT_HINT);
  if (form.type === 'volume' && form.propagation !== '') {
    throw item.problem('propagation is for host paths only', 'remove it');
  }
}

type Basics = Pick<Mount, 'target' | 'readOnly'>;

function readMount(item: ModelCursor, fields: Fields, context: ServiceContext): Mount {
  const type = fields.cursor('type')?.oneOf(TYPES) ?? 'volume';
  fields.get('consistency', (cursor) => cursor.text());
  const basics = { target: fields.text('target'), readOnly: fields.flag('read_only') };
  const source = fields.get('source', (cursor) => cursor.text());
  for (const other of TYPES.filter((key) => key !== type)) {
    const options = fields.cursor(other);
    if (options?.written !== undefined) options.report(`does not go with "type: ${type}"`, 'remove it');
  }
  switch (type) {
    case 'volume':
      return readVolume(fields, basics, source, context);
    case 'bind':
      return readBind(item, fields, basics, source ?? '');
    case 'tmpfs':
      if (source !== undefined) throw item.problem('a tmpfs has no source', 'remove it');
      return readTmpfsOptions(fields, basics);
    case 'image':
      return readImage(item, fields, basics, source ?? '');
  }
}

function readVolume(fields: Fields, basics: Basics, source: string | undefined, context: ServiceContext): Mount {
  const resource = source === undefined ? undefined : context.volumes.get(source);
  const named = resource === undefined ? {} : { source: resource.fullName, volume: resource.spec };
  const options = fields.get('volume', (cursor) =>
    cursor.object({}, (inner) => ({
      subpath: inner.text('subpath'),
      labels: inner.get('labels', readLabelTemplates),
      noCopy: inner.flag('nocopy'),
    })),
  );
  const volume = named.volume ?? { driver: '', driverOpts: {}, labels: {} };
  const labels = options?.labels;
  return Mount.fromPartial({
    type: MountType.VOLUME,
    ...basics,
    ...named,
    ...(labels === undefined ? {} : { volume: { ...volume, labels: { ...volume.labels, ...labels } } }),
    volumeNoCopy: options?.noCopy ?? false,
    subpath: options?.subpath ?? '',
    volumeExternal: resource !== undefined && resource.spec === undefined,
  });
}

function readBind(item: ModelCursor, fields: Fields, basics: Basics, source: string): Mount {
  if (/^([A-Za-z]:|\\\\)/.test(source))
    throw item.problem(`"${source}" is a path of Windows`, 'write one of the hosts');
  // That it has none has been told.
  if (source !== '' && !isAbsolute(source)) {
    throw item.problem(`cannot tell the home directory in "${source}"`, 'write the path out');
  }
  const options = fields.get('bind', (cursor) =>
    cursor.object({}, (inner) => ({
      propagation: inner.get('propagation', (child) => child.oneOf(PROPAGATIONS)),
      recursive: inner.text('recursive'),
      createHostPath: inner.flag('create_host_path'),
      // Containers have no SELinux label of their own: whatever the path's is, they may use it.
      selinux: inner.get('selinux', (child) => child.oneOf(['z', 'Z'])),
    })),
  );
  return Mount.fromPartial({
    type: MountType.BIND,
    ...basics,
    source,
    bindPropagation: options?.propagation ?? '',
    bindRecursive: options?.recursive ?? '',
    // Compose makes it unless that is forbidden.
    bindCreateHostPath: options?.createHostPath ?? true,
  });
}

/** Read-only, whether that is said or not: nobody changes an image. */
function readImage(item: ModelCursor, fields: Fields, basics: Basics, source: string): Mount {
  if (source === '') throw item.problem('names no image', 'write it as source');
  const subpath = fields.get('image', (cursor) => cursor.object({}, (inner) => inner.text('subpath')));
  return Mount.fromPartial({ type: MountType.IMAGE, ...basics, source, readOnly: true, subpath: subpath ?? '' });
}

function readTmpfsOptions(fields: Fields, basics: Basics): Mount {
  const options = fields.get('tmpfs', (cursor) =>
    cursor.object({}, (inner) => ({
      tmpfsSizeBytes: inner.get('size', (child) => child.bytes()) ?? 0,
      tmpfsMode: inner.get('mode', (child) => child.integer(0, 0o7777)) ?? 0,
    })),
  );
  return Mount.fromPartial({ type: MountType.TMPFS, ...basics, ...options });
}

/** "/run" and "/run:size=64m,mode=755" */
export function convertTmpfs(item: ModelCursor): Mount {
  const text = item.text();
  const colon = text.indexOf(':');
  const target = colon < 0 ? text : text.slice(0, colon);
  if (!isAbsolute(target)) throw item.problem(`the container path "${target}" is not absolute`, 'start it with "/"');
  const mount = Mount.fromPartial({ type: MountType.TMPFS, target });
  for (const option of colon < 0 ? [] : text.slice(colon + 1).split(',')) applyTmpfsOption(item, mount, option);
  return mount;
}

function applyTmpfsOption(item: ModelCursor, mount: Mount, option: string): void {
  const [name, value = ''] = option.split('=');
  const size = name === 'size' ? parseBytes(value) : undefined;
  if (size !== undefined) mount.tmpfsSizeBytes = size;
  else if (name === 'mode' && /^[0-7]{3,5}$/.test(value)) mount.tmpfsMode = Number.parseInt(value, 8);
  else if (option === 'ro') mount.readOnly = true;
  else if (TMPFS_OPTION.test(option)) mount.tmpfsOptions.push(option);
  else if (option !== 'rw') {
    const hint = `size=, mode=, ro, rw, ${TMPFS_OPTIONS_HINT} are`;
    throw item.problem(`tmpfs option "${option}" is not supported`, hint);
  }
}
