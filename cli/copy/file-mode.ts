/** The type of a file in st_mode. Source: inode(7). */
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

export function isDirectory(mode: number): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

export function isFile(mode: number): boolean {
  return (mode & S_IFMT) === S_IFREG;
}

export function isLink(mode: number): boolean {
  return (mode & S_IFMT) === S_IFLNK;
}
