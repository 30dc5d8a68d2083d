/** Makes hosts that run gantryd one cluster, by the commands that a user would give on each. */
import type { EngineHost } from './engine-host.ts';

/** A second manager and all after it take over the log first. */
const JOIN_MS = 120_000;

export type JoinRole = 'manager' | 'worker';

/** The cluster is the first host's; so many of the hosts, counted from it, are managers. */
export async function joinHosts(hosts: readonly EngineHost[], managers: number): Promise<void> {
  const [first, ...others] = hosts;
  if (first === undefined) throw new Error('a cluster without hosts');
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  for (const [index, host] of others.entries()) await joinAs(index + 1 < managers ? 'manager' : 'worker', host, first);
}

/** Joins the cluster that a manager is of. */
export async function joinAs(role: JoinRole, host: EngineHost, manager: EngineHost): Promise<void> {
  const token = await manager.ok(['cluster', 'join-token', '-q', role]);
  await host.ok(['cluster', 'join', '--token', token, `${manager.address}:2377`], { timeoutMs: JOIN_MS });
}
