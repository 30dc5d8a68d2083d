import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalNetworkSpec } from '../../../proto/generated/gantry/v1/engine.ts';
import { until } from '../../../test/lab/until.ts';
import { HOST_ADDRESS6, Lab, sandboxRequest } from '../testing/lab.ts';

const isRoot = process.getuid?.() === 0;
const lab = new Lab();

beforeAll(async () => {
  if (!isRoot) return;
  await lab.start();
  await lab.startEngine([]);
}, 60_000);

afterAll(async () => {
  if (isRoot) await lab.stop();
}, 60_000);

describe.skipIf(!isRoot)('the IPv6 addresses of a host', { timeout: 30_000 }, () => {
  const onHost = (command: string) => lab.run(lab.hostPath(), 'sh', '-c', command);
  const become = (...addresses: string[]) =>
    until('the addresses', async () => {
      expect(await lab.engine.call('ipv6Addresses')).toEqual(addresses);
      return true;
    });

  it('are those of its own links that others reach it by, as they are now', async () => {
    await become(HOST_ADDRESS6);
    await onHost('ip address add fd00:99::1/64 dev eth0; ip address add fe80::99/64 dev eth0');
    await become(HOST_ADDRESS6, 'fd00:99::1');
    const six = { name: 'six', enableIpv6: true, ipv6Subnet: 'fd00:98::/64' };
    await lab.engine.call('create', LocalNetworkSpec.fromPartial(six));
    await lab.engine.call('setup', sandboxRequest('web', { networks: [{ target: 'six', aliases: [] }] }));
    expect(await onHost('ip -6 address')).toContain('fd00:98::1');
    await onHost(
      'ip link add other type veth peer name other2; ip address add fd00:97::1/64 dev other; ip link set other up',
    );
    await become(HOST_ADDRESS6, 'fd00:97::1', 'fd00:99::1');
    await onHost('ip link del other; ip address del fd00:99::1/64 dev eth0');
    await become(HOST_ADDRESS6);
  });
});
