/** Images for tests, made from Debian's static busybox. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from './command.ts';
import type { EngineHost } from './engine-host.ts';

/** Writes a root file system as a tar: busybox with every applet as a link in /bin. */
export async function exportBusybox(archive: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'gantry-rootfs-'));
  try {
    for (const name of ['bin', 'etc', 'tmp', 'mnt', 'root']) await mkdir(join(directory, name));
    await output(['sh', '-c', `cp "$(command -v busybox)" ${directory}/bin/busybox`]);
    const applets = (await output(['busybox', '--list'])).split('\n');
    const names = applets.filter((name) => name !== '' && name !== 'busybox');
    // By ourselves: a process for each of the 300 links took most of the time.
    await Promise.all(names.map((name) => symlink('busybox', join(directory, 'bin', name))));
    await writeFile(join(directory, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    await output(['tar', '-C', directory, '-cf', archive, '.']);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Imports it as `busybox:latest`. */
export async function importBusybox(host: EngineHost): Promise<void> {
  await importBusyboxInto([host]);
}

/** The same for several hosts at once; it is made only once. */
export async function importBusyboxInto(hosts: readonly EngineHost[]): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'gantry-image-'));
  try {
    const archive = join(directory, 'busybox.tar');
    await exportBusybox(archive);
    const argv = ['image', 'import', '--change', 'CMD ["/bin/sh"]', archive, 'busybox:latest'];
    await Promise.all(hosts.map((host) => host.ok(argv)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
