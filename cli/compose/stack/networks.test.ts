import { describe, expect, it } from 'vitest';
import { loadText } from './load.testing.ts';

describe('networks', () => {
  it('uses names, external resources and its own networks', () => {
    const { spec } = loadText(
      'services:\n  a: {image: x, networks: {back: {aliases: [db]}, out: }, volumes: ["v:/v"]}\nnetworks:\n  back: {internal: true, ipam: {config: [{subnet: 10.9.0.0/24}]}}\n  out: {external: true, name: world}\n  unused: {}\nvolumes:\n  v: {name: plain}\n',
    );
    expect(spec.services[0]?.task?.networks).toEqual([
      { target: 'demo_back', aliases: ['a', 'db'] },
      { target: 'world', aliases: ['a'] },
    ]);
    expect(spec.networks).toMatchObject([
      { annotations: { name: 'demo_back' }, internal: true, subnet: '10.9.0.0/24' },
    ]);
    expect(spec.services[0]?.task?.container?.mounts[0]?.source).toBe('plain');
  });

  it('takes a subnet of IPv4 and one of IPv6, in either order, and no more', () => {
    const stack = (config: string) =>
      `services: {a: {image: x, networks: [n]}}\nnetworks: {n: {enable_ipv6: true, ipam: {config: [${config}]}}}\n`;
    const [ipv4, ipv6] = [
      '{subnet: 10.9.0.0/24, ip_range: 10.9.0.0/26}',
      '{subnet: "fd00:9::/64", gateway: "fd00:9::1"}',
    ];
    for (const config of [`${ipv4}, ${ipv6}`, `${ipv6}, ${ipv4}`]) {
      expect(loadText(stack(config)).spec.networks).toMatchObject([
        { enableIpv6: true, subnet: '10.9.0.0/24', gateway: '', ipv6Subnet: 'fd00:9::/64', ipv6Gateway: 'fd00:9::1' },
      ]);
    }
    expect(() => loadText(stack(`${ipv6}, {subnet: "fd00:a::/64"}`))).toThrow('one subnet of IPv4 and one of IPv6');
    expect(() => loadText(stack('{subnet: "fd00:9::/64", ip_range: "fd00:9::/80"}'))).toThrow('no range of their own');
    expect(() => loadText(stack('{subnet: "fd00:9::/129"}'))).toThrow('is not a subnet');
  });

  it('takes a network of the LAN as it stands', () => {
    const { spec } = loadText(
      'services: {a: {image: x, networks: [lan]}}\nnetworks:\n  lan:\n    driver: macvlan\n    driver_opts: {parent: eth0.10, macvlan_mode: private}\n    ipam: {config: [{subnet: 192.168.1.0/24, gateway: 192.168.1.254, ip_range: 192.168.1.64/26}]}\n',
    );
    expect(spec.networks).toMatchObject([
      {
        driver: 'macvlan',
        driverOpts: { parent: 'eth0.10', macvlan_mode: 'private' },
        ...{ subnet: '192.168.1.0/24', gateway: '192.168.1.254', ipRange: '192.168.1.64/26' },
      },
    ]);
    const other = 'services: {a: {image: x}}\nnetworks: {lan: {driver: ipvlan}}\n';
    expect(() => loadText(other)).toThrow('"ipvlan" is not supported');
  });
});
