/**
 * The Node-API addon: kernel primitives that Node doesn't have. Data in, data out, no logic. Each rejects or
 * throws with an Error that has Node's `code` ('ENOENT'), `errno` and `syscall`. Calls that can block run on a
 * thread of their own; none changes the calling thread's namespaces.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface OverlayMount {
  /** Topmost first. */
  readonly lower: readonly string[];
  /** Null for a read-only mount. */
  readonly upper: string | null;
  readonly work: string | null;
  readonly target: string;
  /** "volatile" (Linux 5.10): nothing is synced, not even by fsync(2) or at the end; for what needn't outlive the host. */
  readonly durability: 'durable' | 'volatile';
}

export interface NamespaceSocket {
  readonly netnsPath: string;
  readonly type: 'udp' | 'tcp';
  /** IPv4 or IPv6 address to bind to, with SO_REUSEADDR and IP_FREEBIND; tcp sockets also listen. */
  readonly address: string;
  readonly port: number;
}

export interface Daemon {
  readonly pid: number;
  readonly output: string;
}

/** Bytes for names that aren't UTF-8. */
export type Path = string | Uint8Array;

export interface Native {
  /** New network namespace, loopback up, kept by a bind mount at `path` (made if missing). EEXIST if `path` is a namespace already. */
  createNetns(path: string): Promise<void>;
  /** A netlink socket of the protocol (0: route, 12: netfilter) in the namespace; null for the caller's own. The caller closes it with closeFd. */
  netlinkOpen(netnsPath: string | null, protocol: number): Promise<number>;
  /**
   * Sends one buffer (one or more messages; the last one, or all, with NLM_F_ACK or as a dump) and receives until
   * `expected` acks/errors/NLMSG_DONE have come; resolves to the datagrams received. Resolves earlier when a message was
   * refused and nothing more comes (a batch refused as a whole gets one error). Rejects with ENOBUFS when answers were
   * lost, ETIMEDOUT when fewer than expected have come in 10 s. Requests on one fd take turns.
   */
  netlinkRequest(fd: number, message: Uint8Array, expected: number): Promise<Buffer[]>;
  /**
   * What the kernel says to multicast groups (one bit each, the first group lowest), in the namespace; null for the
   * caller's own. Resolves to a descriptor for net.Socket, a stream of netlink messages: of datagrams that begin with a
   * message of one of the types. NLMSG_OVERRUN stands for any number of messages that were lost. Closing it ends all.
   */
  netlinkSubscribe(
    netnsPath: string | null,
    protocol: number,
    groups: number,
    types: readonly number[],
  ): Promise<number>;
  /** A bound socket in the namespace, for dgram's bind({fd}) or net's listen({fd}). IPv6 sockets don't take IPv4. */
  socketInNetns(socket: NamespaceSocket): Promise<number>;
  /** Writes to a file under /proc/sys/net as it is in the namespace. */
  writeSysctl(netnsPath: string, path: string, value: string): Promise<void>;
  closeFd(fd: number): void;
  /** A descriptor of the file that can't be written to through it, nor through what is executed from it: on a private read-only mount. */
  openReadOnlyMount(path: Path): number;
  /** mount(2); flags as numbers from mount(2). */
  mount(source: string, target: string, fstype: string, flags: number, data: string): Promise<void>;
  /**
   * Up to 500 layers: fsopen(2) with lowerdir+ (Linux 6.8), else mount(2) with descriptors for paths. Without index,
   * redirect_dir and metacopy. A single layer without upper becomes a read-only bind mount.
   */
  mountOverlay(overlay: OverlayMount): Promise<void>;
  /** Mounts what is at `source` in another mount namespace at `target` in ours: the same file system. Both are directories, or both files. */
  mountFrom(mntnsPath: string, source: string, target: string): Promise<void>;
  /** umount2(2) */
  unmount(target: string, flags: number): Promise<void>;
  /** Extended attributes; symbolic links aren't followed. Null when there is none, also where the file system has none at all. */
  getXattr(path: Path, name: string): Buffer | null;
  setXattr(path: Path, name: string, value: Uint8Array): void;
  removeXattr(path: Path, name: string): void;
  listXattr(path: Path): string[];
  /**
   * Tells the file system that the directories in this one have nothing to do with each other (chattr +T): ext4 then looks for
   * their inodes in different places. False where the file system doesn't take it.
   */
  spreadSubdirectories(path: Path): boolean;
  /** mode with S_IFMT bits; the umask doesn't apply. */
  mknod(path: Path, mode: number, major: number, minor: number): void;
  /**
   * Starts a program (argv[0] is its path, environment has "NAME=VALUE") in a session of its own and in /, with nothing
   * to read. `executable`: a descriptor of what is executed in place of argv[0]; -1 for none. Resolves once it has closed its standard output, to what it has printed, at most 64 KiB. It stays our child:
   * after its end somebody has to `reap` it. Rejects only when nothing was started.
   */
  spawnDaemon(argv: readonly string[], environment: readonly string[], executable: number): Promise<Daemon>;
  /** Takes a child that has ended out of the process table. False while it runs; true also when there is no such child. */
  reap(pid: number): boolean;
  /**
   * Makes the open directory the root of the calling thread, for good: of its synchronous calls, not of those on Node's thread
   * pool. For worker threads that end afterwards; links can't lead out of it, whoever changes them meanwhile.
   */
  enterRoot(directory: number): void;
  /** A datagram socket that is connected to the Unix socket at the path, of at most 107 bytes. The caller closes it with closeFd. */
  connectDatagram(path: string): number;
  /** Never waits; false when the receiver has no room for now. */
  sendDatagram(fd: number, data: Uint8Array): boolean;
  /** Exclusive, non-blocking flock(2) on an open fd; false when another process has it. */
  tryLock(fd: number): boolean;
}

/** The project's directory, from the sources as well as from the bundle in dist/. */
function projectDirectory(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory)
      throw new Error(`no package.json above ${import.meta.dirname}: Gantry's files are incomplete`);
    directory = parent;
  }
  return directory;
}

const buildDirectory = join(projectDirectory(), 'native/build');

/** The OCI runtime and shim: one program, which sits on the host beside the agent. */
export function runtimeBinaryPath(): string {
  return join(buildDirectory, 'gantry-runtime');
}

/** The init that `--init` puts before the user's process; to be bind-mounted into the container. */
export function initBinaryPath(): string {
  return join(buildDirectory, 'gantry-init');
}

export const native = createRequire(import.meta.url)(join(buildDirectory, 'gantry.node')) as Native;
