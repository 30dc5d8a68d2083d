/** Linux capabilities of a container: Docker's default set, what is added and dropped, and what exec keeps of it. */
import { GantryError } from '../../../proto/errors.ts';
import type { OciCapabilities } from './oci.ts';

/** In the order of their numbers; source: capabilities(7). */
const ALL = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
].map((name) => `CAP_${name}`);

/** What Docker gives a container that asks for nothing. */
const DEFAULT = new Set(
  [
    'CHOWN',
    'DAC_OVERRIDE',
    'FSETID',
    'FOWNER',
    'MKNOD',
    'NET_RAW',
    'SETGID',
    'SETUID',
    'SETFCAP',
    'SETPCAP',
    'NET_BIND_SERVICE',
    'SYS_CHROOT',
    'KILL',
    'AUDIT_WRITE',
  ].map((name) => `CAP_${name}`),
);

export interface CapabilityRequest {
  /** Names with or without CAP_, in any case, or "ALL". */
  readonly add: readonly string[];
  readonly drop: readonly string[];
  readonly privileged: boolean;
  /** What gantryd itself may give: see availableCapabilities. */
  readonly available: readonly string[];
}

/**
 * The capabilities in a hexadecimal mask as in /proc/PID/status, in the order of their numbers. gantryd's own bounding
 * set is what the kernel knows, less what was taken from gantryd: in a container of its own, say.
 */
export function availableCapabilities(mask: string): string[] {
  const bits = BigInt(`0x${mask}`);
  return ALL.filter((_, number) => (bits >> BigInt(number)) & 1n);
}

/** The container's bounding set, in the order of numbers. INVALID_ARGUMENT for a name that can't be given. */
export function boundingSet(request: CapabilityRequest): string[] {
  const add = normalizeAll(request.add);
  const drop = normalizeAll(request.drop);
  if (request.privileged) return [...request.available];
  for (const name of add) {
    if (name !== 'ALL' && !request.available.includes(name)) throw unavailable(name);
  }
  return request.available.filter((name) => isGranted(name, add, drop));
}

function unavailable(name: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `${name} can't be given to a container`, {
    hint: 'gantryd itself does not have it on this host',
  });
}

/** As Docker decides: a name beats ALL, and of two names or two ALLs the dropped one wins, but for ALL with ALL. */
function isGranted(name: string, add: ReadonlySet<string>, drop: ReadonlySet<string>): boolean {
  if (add.has('ALL')) return !drop.has(name);
  if (drop.has('ALL')) return add.has(name);
  return add.has(name) || (DEFAULT.has(name) && !drop.has(name));
}

/**
 * The sets of a process that starts with the bounding set: root has them all; for another user execve(2) leaves
 * only the bounding set, and so do we.
 */
export function processCapabilities(bounding: readonly string[], uid: number): OciCapabilities {
  const held = uid === 0 ? bounding : [];
  return { bounding, effective: held, permitted: held, inheritable: [], ambient: [] };
}

function normalizeAll(names: readonly string[]): Set<string> {
  return new Set(names.map(normalize));
}

function normalize(name: string): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return upper;
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (ALL.includes(full)) return full;
  throw new GantryError('INVALID_ARGUMENT', `unknown capability "${name}"`, {
    hint: 'capabilities(7) lists the names; they are written with or without CAP_',
  });
}
