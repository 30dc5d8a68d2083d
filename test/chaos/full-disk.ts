/** Fills the disk that a host keeps its data on, which Host.limitDisk has made. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';

const file = (host: Host) => join(host.dataRoot, 'everything-else');

export async function fillDisk(host: Host): Promise<void> {
  // It ends with an error, when nothing more fits: in large pieces, and then what is left in small ones.
  await runCommand(['dd', 'if=/dev/zero', `of=${file(host)}`, 'bs=1M']);
  await runCommand(['dd', 'if=/dev/zero', `of=${file(host)}`, 'bs=4k', 'oflag=append', 'conv=notrunc']);
}

export async function freeDisk(host: Host): Promise<void> {
  await rm(file(host), { force: true });
}
