/** Containers' network namespaces: pinned as files under EXEC_ROOT/network/netns, and what is set inside them. */
import { execFile } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import { addAddress } from './netlink/address.ts';
import { disableLinkLocal, dumpLinks, parseLink, setLinkUp } from './netlink/link.ts';
import { setDefaultRoute } from './netlink/route.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './netlink/socket.ts';
import { formatIpv4, lastAddress, type Subnet } from './subnet.ts';

/** linux/magic.h */
const NSFS_MAGIC = 0x6e736673;
const MNT_DETACH = 2;
const NO_IPV6 = 'EAFNOSUPPORT';
const run = promisify(execFile);

export interface InterfaceSpec {
  /** "eth0" */
  readonly name: string;
  readonly address: string;
  readonly subnet: Subnet;
}

export interface NamespaceSpec {
  readonly interfaces: readonly InterfaceSpec[];
  readonly defaultRoute: { readonly gateway: string; readonly interface: string } | undefined;
  readonly sysctls: Readonly<Record<string, string>>;
}

export class Namespaces {
  readonly #native: Native;
  readonly #dir: string;

  constructor(native: Native, dir: string) {
    this.#native = native;
    this.#dir = dir;
  }

  pathOf(containerId: string): string {
    return join(this.#dir, containerId);
  }

  /** Containers whose namespace is pinned. A file that isn't one (any more) is removed. */
  async list(): Promise<Set<string>> {
    const pinned = new Set<string>();
    for (const containerId of await readdir(this.#dir).catch(emptyIfMissing)) {
      if (await this.isPinned(containerId)) pinned.add(containerId);
      else await rm(this.pathOf(containerId), { force: true });
    }
    return pinned;
  }

  async isPinned(containerId: string): Promise<boolean> {
    try {
      return (await statfs(this.pathOf(containerId))).type === NSFS_MAGIC;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async create(containerId: string): Promise<void> {
    try {
      await this.#native.createNetns(this.pathOf(containerId));
    } catch (error) {
      if (!isMissing(error)) throw error;
      await mkdir(this.#dir, { recursive: true, mode: 0o711 });
      await this.#native.createNetns(this.pathOf(containerId));
    }
  }

  /** Runs `use` with the namespace's file open, as IFLA_NET_NS_FD wants it. */
  async withFile<T>(containerId: string, use: (fd: number) => Promise<T>): Promise<T> {
    // Never blocks, and needn't queue behind what else the thread pool writes for the container.
    const fd = openSync(this.pathOf(containerId), 'r');
    try {
      return await use(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Interfaces up with their addresses, then the default route, then sysctls. Idempotent. */
  async configure(containerId: string, spec: NamespaceSpec): Promise<void> {
    if (spec.interfaces.length > 0) await this.#configureInterfaces(containerId, spec);
    await this.#setSysctls(containerId, spec.sysctls);
  }

  async #configureInterfaces(containerId: string, { interfaces, defaultRoute }: NamespaceSpec): Promise<void> {
    const socket = await NetlinkSocket.open(this.#native, this.pathOf(containerId), NETLINK_ROUTE);
    try {
      const links = (await socket.query(dumpLinks())).map(parseLink);
      const indexOf = (name: string): number => links.find((link) => link.name === name)?.index ?? 0;
      const requests = interfaces.flatMap(({ name, address, subnet }) => [
        disableLinkLocal(name),
        setLinkUp(name),
        addAddress({
          linkIndex: indexOf(name),
          linkName: name,
          address,
          prefixLength: subnet.prefixLength,
          broadcast: formatIpv4(lastAddress(subnet)),
        }),
      ]);
      if (defaultRoute) requests.push(setDefaultRoute(defaultRoute.gateway, indexOf(defaultRoute.interface)));
      await socket.run(requests, [NO_IPV6]);
    } finally {
      await socket.close();
    }
  }

  /** /proc/sys/net shows the namespace of whoever looks, so it takes a process in there to write to it. */
  async #setSysctls(containerId: string, sysctls: Readonly<Record<string, string>>): Promise<void> {
    const pairs = Object.entries(sysctls).flatMap(([key, value]) => [sysctlFile(key), value]);
    if (pairs.length === 0) return;
    const script = 'while [ $# -gt 0 ]; do printf %s "$2" > "$1" || exit 1; shift 2; done';
    try {
      await run('nsenter', [`--net=${this.pathOf(containerId)}`, 'sh', '-c', script, 'sh', ...pairs]);
    } catch (error) {
      throw new GantryError('INVALID_ARGUMENT', `cannot set sysctls ${Object.keys(sysctls).join(', ')}`, {
        hint: 'check that the kernel has them per network namespace and takes the values',
        cause: error,
      });
    }
  }

  /** The namespace ends when its last process and socket does. Idempotent. */
  async unpin(containerId: string): Promise<void> {
    const path = this.pathOf(containerId);
    try {
      await this.#native.unmount(path, MNT_DETACH);
    } catch (error) {
      // EINVAL: a plain file, from a crash between making and mounting it.
      if (!isMissing(error) && !hasCode(error, 'EINVAL')) throw error;
    }
    await rm(path, { force: true });
  }
}

/** "net.ipv4.ip_forward" → its file. Throws INVALID_ARGUMENT for a sysctl that isn't the network namespace's. */
export function sysctlFile(key: string): string {
  const name = key.replaceAll('.', '/');
  if (!/^net\/[\w/-]+$/.test(name)) {
    throw new GantryError('INVALID_ARGUMENT', `"${key}" is not a sysctl of the network namespace`, {
      hint: 'those begin with net.',
    });
  }
  return `/proc/sys/${name}`;
}

function emptyIfMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}

function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT');
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
