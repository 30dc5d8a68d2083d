/** What is wrong with a host, and what to do about it. Pure. */
import type { NetworkFinding } from '../../../proto/generated/gantry/v1/engine.ts';
import { NO_WIREGUARD_HINT } from '../encryption/encryption.ts';
import { WIREGUARD_PORT } from '../encryption/peer-plan.ts';
import { ENOUGH } from '../neighbour-limits.ts';
import { VXLAN_PORT } from '../network-record.ts';
import { finding } from './finding.ts';
import type { HostFacts, WireguardFacts } from './host-facts.ts';

/** Of tracked connections, from which on new ones may soon be dropped. */
const NEARLY_FULL = 0.9;
const STRICT = 1;
/** Containers on a bridge that each of them calls or is called by, as a guess: the kernel learns of either twice. */
const PEERS = 2;

export function hostFindings(facts: HostFacts): NetworkFinding[] {
  return [
    ...kernel(facts),
    ...sysctls(facts),
    ...neighbours(facts),
    ...firewalls(facts),
    ...(facts.ownAddress === '' ? [] : underlay(facts)),
    ...(facts.wireguard === undefined ? [] : wireguard(facts.wireguard)),
  ];
}

function kernel({ missing }: HostFacts): NetworkFinding[] {
  return missing.map(({ feature, reason, option }) =>
    finding('kernel', `no ${feature}: ${reason}`, `load the module, or use a kernel with ${option}`),
  );
}

function sysctls({ forwards, forwards6, ingressFilter, connections }: HostFacts): NetworkFinding[] {
  return [
    ...(forwards
      ? []
      : [
          finding(
            'sysctl',
            'net.ipv4.ip_forward is 0: nothing leaves or reaches a container',
            "run 'sysctl -w net.ipv4.ip_forward=1', and see who switches it off",
          ),
        ]),
    ...(forwards6
      ? []
      : [
          finding(
            'sysctl',
            'net.ipv6.conf.all.forwarding is 0: nothing leaves or reaches a container by IPv6',
            "run 'sysctl -w net.ipv6.conf.all.forwarding=1', and see who switches it off",
          ),
        ]),
    ...(ingressFilter === STRICT
      ? [
          finding(
            'sysctl',
            'net.ipv4.conf.all.rp_filter is 1 for the link between nodes: published ports fail from other nodes',
            "run 'sysctl -w net.ipv4.conf.all.rp_filter=2'",
          ),
        ]
      : []),
    ...(connections !== undefined && connections.count > connections.max * NEARLY_FULL
      ? [
          finding(
            'sysctl',
            `${connections.count} of ${connections.max} connections are tracked: new ones will be dropped`,
            `run 'sysctl -w net.netfilter.nf_conntrack_max=${connections.max * 2}'`,
          ),
        ]
      : []),
  ];
}

function neighbours({ neighbours: all }: HostFacts): NetworkFinding[] {
  const low = all.filter(({ interfaces, hard }) => interfaces * PEERS * 2 > hard);
  return low.map(({ sysctls: prefix, hard, interfaces }) => {
    const values = `${prefix}.gc_thresh2=${ENOUGH.soft} ${prefix}.gc_thresh3=${ENOUGH.hard}`;
    return finding(
      'sysctl',
      `${prefix}.gc_thresh3 is ${hard}, few for ${interfaces} interfaces of containers: those on one bridge may not reach each other`,
      `run 'sysctl -w ${values}' on the machine itself, in no network namespace of its own`,
    );
  });
}

function firewalls({ closedChains, isClosedInIptables, prefix }: HostFacts): NetworkFinding[] {
  const iptables = `run 'iptables-legacy -I FORWARD -i ${prefix}+ -j ACCEPT', and the same with -o`;
  return [
    ...closedChains.map((chain) =>
      finding(
        'firewall',
        `chain ${chain} drops what is forwarded, also of containers, and gantryd can't change it`,
        `let its owner accept there what comes from and goes to links ${prefix}*`,
      ),
    ),
    ...(isClosedInIptables
      ? [finding('firewall', 'iptables drops what is forwarded, also of containers', iptables)]
      : []),
  ];
}

function underlay({ ownAddress, underlayMtu, takesVxlan, networks }: HostFacts): NetworkFinding[] {
  const unbound = finding(
    'udp',
    `nobody takes UDP port ${VXLAN_PORT} here: no packets come from other nodes`,
    "see gantryd's log for why, and restart it",
  );
  if (underlayMtu === undefined) {
    return [
      finding(
        'mtu',
        `no link has the node's address ${ownAddress}, so its MTU is not known`,
        'start gantryd with --advertise-addr and an address of this host',
      ),
    ];
  }
  const large = networks.filter(({ mtu, overhead }) => mtu > underlayMtu - overhead);
  return [
    ...(takesVxlan ? [] : [unbound]),
    ...large.map(({ name, mtu, overhead }) =>
      finding(
        'mtu',
        `network ${name} has MTU ${mtu}, but the link with ${ownAddress} carries only ${underlayMtu - overhead} of it`,
        'give the link the MTU that it had, or restart gantryd and then the containers on that network',
      ),
    ),
  ];
}

function wireguard({ missing, takesPort, silent }: WireguardFacts): NetworkFinding[] {
  const none = `no WireGuard, so that nothing on an encrypted network comes here: ${missing}`;
  const unbound = `nobody takes UDP port ${WIREGUARD_PORT} here: encrypted networks reach no other node`;
  return [
    ...(missing === '' ? [] : [finding('kernel', none, NO_WIREGUARD_HINT)]),
    ...(takesPort === false ? [finding('udp', unbound, "see gantryd's log for why, and restart it")] : []),
    ...silent.map((peer) =>
      finding(
        'udp',
        `${peer.address} has never answered on UDP port ${WIREGUARD_PORT}, which encrypted networks need`,
        `let the firewalls of both hosts, and what is between them, pass UDP port ${WIREGUARD_PORT}`,
        peer,
      ),
    ),
  ];
}
