/**
 * The Node-API addon: kernel primitives that Node doesn't have. Data in, data out, no logic. Each rejects or
 * throws with an Error that has Node's `code` ('ENOENT'), `errno` and `syscall`. Calls that can block run on a
 * thread of their own; none changes the calling thread's namespaces.
 */

export interface OverlayMount {
  /** Topmost first. */
  readonly lower: readonly string[];
  /** Null for a read-only mount. */
  readonly upper: string | null;
  readonly work: string | null;
  readonly target: string;
}

export interface NamespaceSocket {
  readonly netnsPath: string;
  readonly type: 'udp' | 'tcp';
  /** IPv4 or IPv6 address to bind to, with SO_REUSEADDR and IP_FREEBIND; tcp sockets also listen. */
  readonly address: string;
  readonly port: number;
}

export interface Native {
  /** New network namespace, loopback up, kept by a bind mount at `path` (made if missing). */
  createNetns(path: string): Promise<void>;
  /** A netlink socket of the protocol (0: route, 12: netfilter) in the namespace; null for the caller's own. The caller closes it with closeFd. */
  netlinkOpen(netnsPath: string | null, protocol: number): Promise<number>;
  /**
   * Sends one buffer (one or more messages; the last one, or all, with NLM_F_ACK or as a dump) and receives until
   * `expected` acks/errors/NLMSG_DONE have come; resolves to the datagrams received.
   */
  netlinkRequest(fd: number, message: Uint8Array, expected: number): Promise<Buffer[]>;
  /** A bound socket in the namespace, for dgram's bind({fd}) or net's listen({fd}). */
  socketInNetns(socket: NamespaceSocket): Promise<number>;
  closeFd(fd: number): void;
  /** mount(2); flags as numbers from mount(2). */
  mount(source: string, target: string, fstype: string, flags: number, data: string): Promise<void>;
  /** Any number of layers: fsopen(2) with lowerdir+ (Linux 6.5), else mount(2) with short relative paths. */
  mountOverlay(overlay: OverlayMount): Promise<void>;
  /** umount2(2) */
  unmount(target: string, flags: number): Promise<void>;
  /** setsockopt-free helpers on files; symbolic links aren't followed. */
  getXattr(path: string, name: string): Buffer | null;
  setXattr(path: string, name: string, value: Uint8Array): void;
  removeXattr(path: string, name: string): void;
  listXattr(path: string): string[];
  /** mode with S_IFMT bits. */
  mknod(path: string, mode: number, major: number, minor: number): void;
  /** Exclusive, non-blocking flock(2) on an open fd; false when another process has it. */
  tryLock(fd: number): boolean;
}
