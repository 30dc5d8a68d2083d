/** What somebody who knows the kernel would make by hand to compare with: a VXLAN between two hosts, a bridge on each. */
import { output, runCommand } from '../../lab/command.ts';
import type { Host } from '../../lab/host.ts';

const VNI = 777;
/** Beside ours: 4789 is taken on the hosts. */
const PORT = 4790;
const MTU = 1450;

export interface HandMade {
  /** To run in the one namespace and in the other. */
  readonly prefixes: readonly [readonly string[], readonly string[]];
  readonly addresses: readonly [string, string];
  remove(): Promise<void>;
}

export async function handMadeVxlan(hosts: readonly [Host, Host]): Promise<HandMade> {
  const names = hosts.map((host) => `${host.name}-x`) as [string, string];
  const addresses = ['10.177.0.1', '10.177.0.2'] as const;
  for (const [index, host] of hosts.entries()) {
    const other = hosts[1 - index] as Host;
    const ip = (...argv: readonly string[]) => output(host.inside(['ip', ...argv]));
    const name = names[index] as string;
    await output(['ip', 'netns', 'add', name]);
    await ip('link', 'add', 'xbr', 'type', 'bridge');
    await ip(
      'link',
      'add',
      'xvx',
      'type',
      'vxlan',
      'id',
      `${VNI}`,
      'dstport',
      `${PORT}`,
      'local',
      host.address,
      'remote',
      other.address,
    );
    await ip('link', 'set', 'xvx', 'mtu', `${MTU}`, 'master', 'xbr', 'up');
    await ip(
      'link',
      'add',
      'xve',
      'mtu',
      `${MTU}`,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'mtu',
      `${MTU}`,
      'netns',
      name,
    );
    await ip('link', 'set', 'xve', 'master', 'xbr', 'up');
    await ip('link', 'set', 'xbr', 'mtu', `${MTU}`, 'up');
    await output(['ip', '-n', name, 'address', 'add', `${addresses[index]}/24`, 'dev', 'eth0']);
    await output(['ip', '-n', name, 'link', 'set', 'eth0', 'up']);
  }
  return {
    prefixes: [inside(names[0]), inside(names[1])],
    addresses,
    remove: async () => {
      for (const name of names) await runCommand(['ip', 'netns', 'del', name]);
      for (const host of hosts) {
        for (const link of ['xvx', 'xbr']) await runCommand(host.inside(['ip', 'link', 'del', link]));
      }
    },
  };
}

function inside(namespace: string): string[] {
  return ['nsenter', `--net=/run/netns/${namespace}`];
}
