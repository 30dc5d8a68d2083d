import { afterEach, beforeEach, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { LocalNetwork } from '../../proto/generated/gantry/v1/engine.ts';
import { Network } from '../../proto/generated/gantry/v1/types.ts';
import { unaryMethod } from '../../proto/server.ts';
import { FakeDaemon, runCli } from '../fake-daemon.testing.ts';

let daemon: FakeDaemon;
beforeEach(() => {
  daemon = new FakeDaemon();
});
afterEach(() => daemon.stop());

const HERE = [
  LocalNetwork.fromPartial({ id: 'b', name: 'bridge' }),
  LocalNetwork.fromPartial({ id: 'r', name: 'removed', cluster: true }),
  LocalNetwork.fromPartial({ id: 'w', name: 'wide', cluster: true }),
];

async function namesOf(networkList: () => Promise<{ networks: Network[] }>): Promise<string> {
  await daemon.start({
    localNetworkList: unaryMethod(async () => ({ networks: HERE })),
    networkList: unaryMethod(networkList),
  });
  return (await runCli(daemon.host, ['network', 'ls', '--format', '{{.Name}}'])).stdout;
}

it('are the cluster’s as its managers say, though the host has yet to hear that one is gone', async () => {
  const annotations = (name: string) => ({ spec: { annotations: { name } } });
  const networks = [
    Network.fromPartial({ id: 'w', ...annotations('wide') }),
    Network.fromPartial({ id: 'r', ...annotations('removed'), pendingDelete: true }),
  ];
  expect(await namesOf(async () => ({ networks }))).toBe('bridge\nwide\n');
});

it('are what the host knows where no manager can be asked', async () => {
  const refuse = () => Promise.reject(new GantryError('NOT_A_MANAGER', 'this node is a worker'));
  expect(await namesOf(refuse)).toBe('bridge\nremoved\nwide\n');
});
