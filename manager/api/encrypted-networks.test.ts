import { expect, it } from 'vitest';
import { NetworkSpec, NodeWireguard } from '../../proto/generated/gantry/v1/types.ts';
import { node } from '../objects.testing.ts';
import { checkEncrypted } from './encrypted-networks.ts';

const network = (driverOpts: Record<string, string>) => {
  const annotations = { name: 'net', labels: {} };
  return { spec: { ...NetworkSpec.create({ driverOpts }), annotations } };
};
const able = node('able', { encrypts: true });
const old = node('old');
const without = (id: string) => {
  const made = node(id);
  const wireguard = NodeWireguard.create({ missing: 'its kernel has no WireGuard' });
  return { ...made, description: { ...made.description, wireguard } };
};

it('is well where any node has WireGuard, or nothing is to be encrypted', () => {
  expect(() => checkEncrypted([network({ encrypted: '' })], [old, able])).not.toThrow();
  expect(() => checkEncrypted([network({})], [old])).not.toThrow();
});

it('is refused where none has, with what each says', () => {
  expect(() => checkEncrypted([network({}), network({ encrypted: 'true' })], [without('a'), old])).toThrow(
    expect.objectContaining({
      code: 'UNSUPPORTED',
      message:
        'network net is to be encrypted, which no node of the cluster can do (a: its kernel has no WireGuard; old: it does not say whether its kernel has WireGuard)',
      hint: expect.stringContaining('modprobe wireguard'),
    }),
  );
  const many = ['a', 'b', 'c', 'd', 'e'].map(without);
  expect(() => checkEncrypted([network({ encrypted: '' })], many)).toThrow(/WireGuard; and 2 more\)/);
});

it('is refused with a value that could mean no', () => {
  expect(() => checkEncrypted([network({ encrypted: 'false' })], [able])).toThrow(/"false" is no value/);
});
