/** Programs of which platforms the kernel starts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { normalArchitecture } from '../../proto/platform.ts';
import { fits, type Platform, platformName } from './platform.ts';

const BINFMT = '/proc/sys/fs/binfmt_misc';

/** What an ELF file of it begins with: class, byte order, and machine (elf(5), elf.h). */
interface Elf {
  readonly bits: 32 | 64;
  readonly order: 'little' | 'big';
  readonly machine: number;
}

const MACHINES: Readonly<Record<string, Elf>> = {
  '386': { bits: 32, order: 'little', machine: 3 },
  amd64: { bits: 64, order: 'little', machine: 62 },
  arm: { bits: 32, order: 'little', machine: 40 },
  arm64: { bits: 64, order: 'little', machine: 183 },
  loong64: { bits: 64, order: 'little', machine: 258 },
  mips64le: { bits: 64, order: 'little', machine: 8 },
  ppc64le: { bits: 64, order: 'little', machine: 21 },
  riscv64: { bits: 64, order: 'little', machine: 243 },
  s390x: { bits: 64, order: 'big', machine: 22 },
};

/**
 * The host's own, 32-bit ones of the same processor, or those that an interpreter is registered for which the kernel holds open
 * (flag F): one that it has to look for in the container isn't there (Documentation/admin-guide/binfmt-misc.rst).
 */
export function canExecute(platform: Platform, host: Platform, binfmt = BINFMT): boolean {
  const plain = { os: platform.os, architecture: platform.architecture };
  if (fits(plain, host)) return true;
  if (platform.os !== host.os) return false;
  const architecture = normalArchitecture(platform.architecture);
  if (architecture === '386' && host.architecture === 'amd64') return true;
  const elf = MACHINES[architecture];
  return elf !== undefined && interpreters(binfmt).some((entry) => takes(entry, programOf(elf)));
}

/** Throws UNSUPPORTED: `what` is what would run. */
export function refuseForeign(what: string, platform: Platform, host: Platform): void {
  if (canExecute(platform, host)) return;
  const [own, other] = [host, platform].map(platformName);
  throw new GantryError('UNSUPPORTED', `${what}: this host is ${own} and cannot run programs of ${other}`, {
    hint: `use what is for ${own}, or register an emulator with binfmt_misc: install qemu-user-static and binfmt-support`,
  });
}

function programOf({ bits, order, machine }: Elf): Buffer {
  const header = Buffer.alloc(20);
  header.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, order === 'little' ? 1 : 2, 1]);
  // e_type: ET_EXEC
  if (order === 'little') header.writeUInt16LE(2, 16);
  else header.writeUInt16BE(2, 16);
  if (order === 'little') header.writeUInt16LE(machine, 18);
  else header.writeUInt16BE(machine, 18);
  return header;
}

interface Interpreter {
  readonly offset: number;
  readonly magic: Buffer;
  readonly mask: Buffer | undefined;
}

/** Those that are enabled and held open. None where binfmt_misc isn't mounted. */
function interpreters(binfmt: string): Interpreter[] {
  return registered(binfmt).flatMap((name) => {
    const text = readEntry(join(binfmt, name));
    const field = (key: string) => new RegExp(`^${key}:? (.*)$`, 'm').exec(text)?.[1] ?? '';
    const magic = Buffer.from(field('magic'), 'hex');
    if (!text.startsWith('enabled') || !field('flags').includes('F') || magic.length === 0) return [];
    const mask = field('mask');
    return [{ offset: Number(field('offset')), magic, mask: mask === '' ? undefined : Buffer.from(mask, 'hex') }];
  });
}

function registered(binfmt: string): string[] {
  try {
    return readdirSync(binfmt).filter((name) => name !== 'register' && name !== 'status');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Empty of one that has gone meanwhile. */
function readEntry(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

function takes({ offset, magic, mask }: Interpreter, program: Buffer): boolean {
  // Beyond the machine's number, what it looks at may be anything.
  const length = Math.min(magic.length, program.length - offset);
  for (let index = 0; index < length; index++) {
    const significant = mask?.[index] ?? 0xff;
    if (((program[offset + index] ?? 0) & significant) !== ((magic[index] ?? 0) & significant)) return false;
  }
  return length > 0 && offset + magic.length >= program.length;
}
