/** Files that tools are apt to lose or change on their way through an image: for tests of all ways in and out of one. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { output } from './command.ts';

/** As `ls` can't tell: capabilities, links, devices with large numbers, times before 1970, large owners, names of 250 bytes or in no encoding. */
const MAKE = String.raw`
set -eu
cd "$1/odd"
cp "$(command -v busybox)" ping; setcap cap_net_raw+ep ping
echo one >first; ln first second; mkdir dir; ln first dir/third
truncate -s 2M holes; printf end >>holes
mknod null c 1 3; mknod disk b 259 70000; mkfifo pipe
touch "$(printf 'in no encoding \377\376')" "$(printf '%0250d' 7)"
ln -s "$(printf 'to \377')" "$(printf 'link \344')"; ln first "$(printf 'linked \344')"
ln -s "$(printf '%0300d' 8)" far; ln -s ../odd/first near
mkdir sticky; chmod 1777 sticky; touch setuid; chmod 6755 setuid
touch owned; chown 100000:3000000000 owned
touch old; find . -exec touch -hd '2001-02-03 04:05:06 UTC' {} +
touch -d '1960-02-03 04:05:06 UTC' old
`;

/** What matters of each, in a form that can be compared. */
const LIST = String.raw`
set -eu
cd "$1"
find odd -printf '%p|%y|%m|%U:%G|%T@|%n|%l\n' | sort
find odd -type f -exec sha256sum {} + | sort
stat -c '%n %t:%T' odd/null odd/disk
getcap -r odd
`;

/** Makes them in DIRECTORY/odd. */
export async function makeOddFiles(directory: string): Promise<void> {
  await mkdir(join(directory, 'odd'), { recursive: true });
  await output(['sh', '-c', MAKE, 'make', directory]);
}

/** Those of a root file system. */
export async function listOddFiles(root: string): Promise<string> {
  return await output(['sh', '-c', `(${LIST}) | cat -v`, 'list', root]);
}

/** Copies DIRECTORY/odd into a root file system. */
export async function copyOddFiles(directory: string, root: string): Promise<void> {
  await output(['cp', '-a', '--sparse=always', join(directory, 'odd'), root]);
}
