/** What of mount(8) a tmpfs can be told beside its size and mode: flags of any mount, and options of its own, tmpfs(5). */

export const TMPFS_OPTION = /^(no)?(exec|suid|dev|atime|diratime)$|^(uid|gid)=\d+$|^nr_(inodes|blocks)=\d+[kmgKMG]?$/;
export const TMPFS_OPTIONS_HINT = 'exec, suid, dev, uid=, gid=, nr_inodes= and nr_blocks=';
