/** Images for tests, made from Debian's static busybox. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
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
    const applets = (await output(['busybox', '--list']))
      .split('\n')
      .filter((name) => name !== '' && name !== 'busybox');
    await output(['sh', '-c', `cd ${directory}/bin && for a in ${applets.join(' ')}; do ln -s busybox "$a"; done`]);
    await output(['sh', '-c', `echo root:x:0:0:root:/root:/bin/sh >${directory}/etc/passwd`]);
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
