/** Images for tests of what is installed on this machine: real servers without a network. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from './command.ts';
import type { EngineHost } from './engine-host.ts';
import { exportBusybox } from './image.ts';

/** `programs` are there with the libraries that they are linked with, `directories` whole; links are what they lead to. */
export interface HostFiles {
  readonly programs: readonly string[];
  readonly directories: readonly string[];
}

/** Imports them together with busybox's commands. */
export async function importHostFiles(host: EngineHost, name: string, files: HostFiles): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'gantry-host-files-'));
  try {
    const archive = join(directory, 'files.tar');
    await exportBusybox(archive);
    const linked = await output(['sh', '-c', `ldd ${files.programs.join(' ')} | grep -o '/[^ :]*' | sort -u`]);
    const paths = [...new Set([...linked.split('\n'), ...files.programs, ...files.directories])].filter(
      (path) => path !== '',
    );
    await output(['tar', '-C', '/', '-rhf', archive, ...paths.map((path) => `./${path.slice(1)}`)]);
    await host.ok(['import', archive, name]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
