/** Which process listens on a port of this host: /proc/net/{tcp,udp}, then /proc/PID/fd (proc(5)). */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ProtocolName } from '../../proto/port-protocol.ts';

const TCP_LISTEN = '0A';
/** A UDP socket is in no state that TCP's table has a name for but "closed". */
const UDP_UNCONNECTED = '07';

/** "process nginx (pid 612)", or "another process" when it can't be told which. */
export async function describeHolder(protocol: ProtocolName, port: number): Promise<string> {
  const tables = await Promise.all(
    [protocol, `${protocol}6`].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const inodes = new Set(tables.flatMap((table) => listeningInodes(table, protocol, port)));
  return (inodes.size > 0 ? await findProcess(inodes) : undefined) ?? 'another process';
}

/** Inodes of the sockets in a /proc/net table that are bound to the port and wait for anybody. */
export function listeningInodes(table: string, protocol: ProtocolName, port: number): string[] {
  const state = protocol === 'tcp' ? TCP_LISTEN : UDP_UNCONNECTED;
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const isPort = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16) === port;
    return isPort && fields[3] === state ? (fields[9] ?? []) : [];
  });
}

async function findProcess(inodes: ReadonlySet<string>): Promise<string | undefined> {
  const sockets = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (!(await hasOneOf(pid, sockets))) continue;
    const [program = ''] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    return `process ${basename(program)} (pid ${pid})`;
  }
  return undefined;
}

/** Processes come and go while we look; one that is gone holds nothing. */
async function hasOneOf(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const targets = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  return targets.some((target) => sockets.has(target));
}
