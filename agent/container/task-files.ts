/** Secrets and configs of a container: on a tmpfs of their own, never on a disk. */
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import { unmountAll } from '../image/mounts.ts';
import type { TaskFile } from './containers.ts';
import type { RecordedFile } from './record.ts';
import { type HostFacts, isKernelAtLeast } from './spec/host-facts.ts';
import type { OwnBind } from './spec/mounts.ts';
import { validTarget } from './spec/mounts.ts';

const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_NOEXEC = 8;
/** Room for inodes and for rounding up to pages. */
const SPARE_BYTES = 64 * 1024;
const PAGE_BYTES = 4096;

/** Which file is which; nothing is written yet. Throws INVALID_ARGUMENT for a target that can't be mounted at. */
export function recordFiles(files: readonly TaskFile[]): RecordedFile[] {
  return files.map(({ target }, index) => ({ file: String(index), target: validTarget(target) }));
}

/** Mounts the tmpfs at `directory` and fills it. */
export async function writeTaskFiles(
  native: Pick<Native, 'mount'>,
  host: Pick<HostFacts, 'kernelRelease'>,
  directory: string,
  files: readonly TaskFile[],
): Promise<void> {
  if (files.length === 0) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const bytes = files.reduce((sum, { data }) => sum + Math.ceil(data.length / PAGE_BYTES) * PAGE_BYTES, SPARE_BYTES);
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  // Swap is a disk, too: Linux 6.4 can keep a tmpfs out of it; older ones refuse the option, and log that they do.
  const noswap = isKernelAtLeast(host.kernelRelease, '6.4') ? ',noswap' : '';
  await native.mount('tmpfs', directory, 'tmpfs', flags, `size=${bytes},mode=0700${noswap}`);
  files.forEach((file, index) => {
    writeFile(join(directory, String(index)), file);
  });
}

function writeFile(path: string, { data, uid, gid, mode }: TaskFile): void {
  writeFileSync(path, data, { mode: 0o600, flag: 'wx' });
  chownSync(path, uid, gid);
  chmodSync(path, mode);
}

/** WRONG_STATE when the files have gone with a reboot. */
export function taskFileBinds(directory: string, files: readonly RecordedFile[]): OwnBind[] {
  return files.map(({ file, target }) => {
    const source = join(directory, file);
    if (!existsSync(source)) {
      throw new GantryError('WRONG_STATE', `the secret or config for ${target} is gone since the host was rebooted`, {
        hint: 'make the container anew: it gets its files again; a service does so by itself',
      });
    }
    return { source, target, readOnly: true };
  });
}

/** Unmounts and forgets the files. Idempotent. */
export async function removeTaskFiles(native: Pick<Native, 'unmount'>, directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  await unmountAll(native, directory);
  rmSync(directory, { recursive: true, force: true });
}
