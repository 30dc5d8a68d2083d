/** The local driver's options (type, o, device), as Docker's: what mount(2) makes of them. Pure. */
import { GantryError } from '../../proto/errors.ts';

export interface MountPlan {
  readonly type: string;
  readonly device: string;
  /** Flags of mount(2). */
  readonly flags: number;
  /** What the file system itself is told, with commas. */
  readonly data: string;
  /** The name in `addr=`, which the kernel wants as an address; undefined when there is none. */
  readonly host: string | undefined;
}

const MS_RDONLY = 0x1;
export const MS_BIND = 0x1000;
const MS_REC = 0x4000;
export const MS_REMOUNT = 0x20;

/** Words of fstab that are flags of mount(2): what they set, and what they clear. */
const FLAGS = new Map(
  Object.entries({
    defaults: { set: 0, clear: 0 },
    ro: { set: MS_RDONLY, clear: 0 },
    rw: { set: 0, clear: MS_RDONLY },
    nosuid: { set: 0x2, clear: 0 },
    suid: { set: 0, clear: 0x2 },
    nodev: { set: 0x4, clear: 0 },
    dev: { set: 0, clear: 0x4 },
    noexec: { set: 0x8, clear: 0 },
    exec: { set: 0, clear: 0x8 },
    sync: { set: 0x10, clear: 0 },
    async: { set: 0, clear: 0x10 },
    dirsync: { set: 0x80, clear: 0 },
    mand: { set: 0x40, clear: 0 },
    nomand: { set: 0, clear: 0x40 },
    noatime: { set: 0x400, clear: 0 },
    atime: { set: 0, clear: 0x400 },
    nodiratime: { set: 0x800, clear: 0 },
    diratime: { set: 0, clear: 0x800 },
    relatime: { set: 0x200000, clear: 0 },
    norelatime: { set: 0, clear: 0x200000 },
    strictatime: { set: 0x1000000, clear: 0 },
    bind: { set: MS_BIND, clear: 0 },
    rbind: { set: MS_BIND | MS_REC, clear: 0 },
  }),
);

const KNOWN = new Set(['type', 'o', 'device']);

/** Undefined when the options ask for no mount. Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function planMount(volume: string, options: Readonly<Record<string, string>>): MountPlan | undefined {
  for (const key of Object.keys(options)) refuseUnknown(volume, key);
  const { type = '', o = '', device = '' } = options;
  if (type === '' && o === '' && device === '') return undefined;
  if (type === '') throw missing(volume, 'type');
  if (device === '') throw missing(volume, 'device');
  const plan = { type, device, ...splitOptions(o) };
  if ((plan.flags & MS_BIND) !== 0 && !device.startsWith('/')) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `volume ${volume}: the device of a bind mount is an absolute path, not ${device}`,
    );
  }
  return plan;
}

function refuseUnknown(volume: string, key: string): void {
  if (KNOWN.has(key)) return;
  if (key === 'size') {
    throw new GantryError('UNSUPPORTED', `volume ${volume}: the local driver option size needs project quotas`, {
      hint: 'for a tmpfs volume write the size into the option o, as in o=size=100m',
    });
  }
  throw new GantryError('INVALID_ARGUMENT', `volume ${volume}: the local driver has no option ${key}`, {
    hint: 'it takes type, o and device',
  });
}

function missing(volume: string, key: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `volume ${volume}: the local driver option ${key} is missing`, {
    hint: 'type and device belong together, as for mount(8)',
  });
}

function splitOptions(text: string): { flags: number; data: string; host: string | undefined } {
  const words = text.split(',').filter((word) => word !== '');
  let flags = 0;
  const data: string[] = [];
  for (const word of words) {
    const flag = FLAGS.get(word);
    if (flag === undefined) data.push(word);
    else flags = (flags & ~flag.clear) | flag.set;
  }
  const host = data.find((word) => word.startsWith('addr='))?.slice('addr='.length);
  return { flags, data: data.join(','), host };
}

/** The plan's data with the host's address in place of its name. */
export function withAddress(plan: MountPlan, address: string): string {
  return plan.data
    .split(',')
    .map((word) => (word.startsWith('addr=') ? `addr=${address}` : word))
    .join(',');
}
