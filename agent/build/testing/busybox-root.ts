/** A small root file system around the host's static busybox. */
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../../../native/addon/native.ts';
import { BUSYBOX } from '../../image/testing/fixtures.ts';

const APPLETS = [
  'sh',
  'echo',
  'tee',
  'rm',
  'mkdir',
  'ln',
  'chmod',
  'chown',
  'sleep',
  'cat',
  'pwd',
  'id',
  'ip',
  'grep',
  'mount',
  'ls',
  'kill',
  'ps',
];
const S_IFCHR = 0o020000;

/** Makes it in the directory, which needn't exist. */
export function makeBusyboxRoot(root: string): void {
  for (const dir of ['bin', 'etc', 'tmp', 'dev']) mkdirSync(join(root, dir), { recursive: true });
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
  for (const name of APPLETS) symlinkSync('busybox', join(root, 'bin', name));
  native.mknod(join(root, 'dev/null'), S_IFCHR | 0o666, 1, 3);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nwww:x:33:\n');
}
