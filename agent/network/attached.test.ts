import { expect, it } from 'vitest';
import { attachedContainers } from './attached.ts';
import { sandboxRequest } from './testing/lab.ts';

const networks = new Map([
  ['wide', { cluster: true }],
  ['bridge', { cluster: false }],
]);

function sandbox(containerId: string, taskId: string | undefined, ready: boolean) {
  const on = (networkId: string, address: string, aliases: string[]) => ({
    ...{ networkId, networkName: networkId, address, aliases },
  });
  return {
    request: sandboxRequest(containerId, { names: [`name-${containerId}`, containerId], taskId }),
    attachments: [
      on('wide', '10.0.0.2', ['db', containerId]),
      on('bridge', '172.17.0.2', []),
      on('gone', '10.9.0.2', []),
    ],
    ports: [],
    ready,
  };
}

it('are those that run, are of no task, and are on networks of the cluster', () => {
  const sandboxes = [
    sandbox('a', '', true),
    sandbox('b', 't1', true),
    sandbox('c', '', false),
    sandbox('d', undefined, true),
  ];
  expect(attachedContainers(networks, sandboxes)).toEqual([
    { networkId: 'wide', nodeId: '', containerId: 'a', names: ['name-a', 'a', 'db'], addresses: ['10.0.0.2'] },
  ]);
});
