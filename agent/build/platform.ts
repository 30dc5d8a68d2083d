/** Which platforms builds are for, and whose programs RUN steps can run. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { fitsPlatform, parsePlatform, platformText } from '../../proto/platform.ts';
import type { Platform } from '../image/manifest.ts';

/**
 * What --platform asks for: OS/ARCHITECTURE or one of both, the rest being the host's; undefined when it is empty.
 * Throws INVALID_ARGUMENT, and UNSUPPORTED for several.
 */
export function parseTargetPlatform(text: string, host: Platform): Platform | undefined {
  const wanted = text.split(',').map((one) => one.trim());
  const different = new Map(
    wanted.filter((one) => one !== '').map((one) => [platformText(parseOne(one, host)), parseOne(one, host)]),
  );
  if (different.size > 1) {
    throw new GantryError(
      'UNSUPPORTED',
      `building for ${[...different.keys()].join(' and ')} at once is not supported`,
      {
        hint: 'build for each by itself, under a name of its own',
      },
    );
  }
  return [...different.values()][0];
}

function parseOne(text: string, host: Platform): Platform {
  for (const one of [text, `${host.os}/${text}`]) {
    const platform = parsePlatform(one);
    if (platform === undefined) continue;
    const { os, architecture } = platform;
    if (os === 'linux') return { os, architecture: architecture || host.architecture };
  }
  throw new GantryError('UNSUPPORTED', `building for ${text} is not supported on ${platformText(host)}`, {
    hint: 'write linux/ARCHITECTURE, such as linux/arm64',
  });
}

/** Names that QEMU's emulators have in binfmt_misc. */
const EMULATORS: Readonly<Record<string, string>> = {
  '386': 'qemu-i386',
  amd64: 'qemu-x86_64',
  arm: 'qemu-arm',
  arm64: 'qemu-aarch64',
  loong64: 'qemu-loongarch64',
  mips64le: 'qemu-mips64el',
  ppc64le: 'qemu-ppc64le',
  riscv64: 'qemu-riscv64',
  s390x: 'qemu-s390x',
};
const BINFMT = '/proc/sys/fs/binfmt_misc';

/**
 * Whether the kernel starts programs of that platform: the host's own, 32-bit ones of the same processor, or those that
 * an emulator is registered for (Documentation/admin-guide/binfmt-misc.rst).
 */
export function canExecute(platform: Platform, host: Platform, binfmt = BINFMT): boolean {
  if (fitsPlatform(platform, host)) return true;
  if (platform.os !== host.os) return false;
  if (platform.architecture === '386' && host.architecture === 'amd64') return true;
  const entry = join(binfmt, EMULATORS[platform.architecture] ?? 'none');
  return existsSync(entry) && readFileSync(entry, 'utf8').startsWith('enabled');
}
