/** Makes a cluster of a lab's hosts, by the commands that a user would give on each. */
import { importBusyboxInto } from './image.ts';
import type { Lab } from './lab.ts';
import type { PoweredHost } from './powered-host.ts';
import { until } from './until.ts';

const READY_MS = 60_000;

/** Three go on without one; with two hosts a second manager would only be one more that can fail. */
export function managersOf(hosts: number): number {
  return hosts < 3 ? 1 : 3;
}

/** Starts all hosts, gives each the image `busybox`, and joins them. All nodes are ready when this resolves. */
export async function formCluster(lab: Lab, print: (line: string) => void): Promise<void> {
  const { hosts } = lab;
  const [first, ...others] = hosts;
  if (first === undefined) return;
  print(`starting ${hosts.length === 1 ? 'h1' : `h1 to h${hosts.length}`}`);
  await Promise.all(hosts.map((host) => host.start()));
  await importBusyboxInto(hosts);
  print(`h1: gantry cluster init --advertise-addr ${first.address}`);
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  const managers = others.slice(0, managersOf(hosts.length) - 1);
  const workers = others.slice(managers.length);
  for (const host of managers) await join(host, first, 'manager', print);
  await Promise.all(workers.map((host) => join(host, first, 'worker', print)));
  await untilReady(first, hosts);
}

async function join(
  host: PoweredHost,
  first: PoweredHost,
  role: 'manager' | 'worker',
  print: (line: string) => void,
): Promise<void> {
  const token = await first.ok(['cluster', 'join-token', '-q', role]);
  print(`${host.name}: gantry cluster join --token ${token.slice(0, 8)}… ${first.address}:2377   as a ${role}`);
  await host.ok(['cluster', 'join', '--token', token, `${first.address}:2377`]);
}

/** Until `node ls` on a manager says so of all hosts. */
async function untilReady(manager: PoweredHost, hosts: readonly PoweredHost[]): Promise<void> {
  await until(
    'all nodes to be ready',
    async () => {
      const lines = await manager.ok(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
      const ready = new Set(lines.split('\n').filter((line) => line.endsWith(' Ready')));
      return hosts.every(({ name }) => ready.has(`${name} Ready`));
    },
    READY_MS,
  );
}
