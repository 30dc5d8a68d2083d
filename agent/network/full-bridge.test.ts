/** A host with as many containers on one network as a bridge takes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bridgeName } from './link-names.ts';
import { DEFAULT_NETWORK } from './network-record.ts';
import { Lab, sandboxRequest } from './testing/lab.ts';

const isRoot = process.getuid?.() === 0;
const lab = new Lab();

beforeAll(async () => {
  if (!isRoot) return;
  await lab.start();
  await lab.startEngine([]);
}, 30_000);

afterAll(async () => {
  if (isRoot) await lab.stop();
}, 60_000);

it.skipIf(!isRoot)(
  'is told that the network is full, and takes another container when one is gone',
  async () => {
    await lab.engine.call('setup', sandboxRequest('first'));
    const bridge = bridgeName('lab', DEFAULT_NETWORK);
    const names = Array.from({ length: 1022 / 2 }, (_, index) => [`a${index}`, `b${index}`] as const);
    const commands = names.flatMap(([a, b]) => [
      `link add ${a} master ${bridge} type veth peer name ${b}`,
      `link set ${b} master ${bridge}`,
    ]);
    const batch = join(lab.directory, 'links');
    writeFileSync(batch, commands.join('\n'));
    await lab.run(lab.hostPath(), 'ip', '-batch', batch);
    await expect(lab.engine.call('setup', sandboxRequest('last'))).rejects.toMatchObject({
      code: 'EXHAUSTED',
      message: 'network bridge: this host has as many containers on it as a bridge takes, 1023',
    });
    await lab.engine.call('teardown', 'first');
    const last = await lab.engine.call('setup', sandboxRequest('last'));
    expect(await lab.run(last.netnsPath, 'ip', 'address')).toContain(last.networks[0]?.address);
  },
  60_000,
);
