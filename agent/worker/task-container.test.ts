import { describe, expect, it } from 'vitest';
import { ContainerSpec, Task } from '../../proto/generated/gantry/v1/types.ts';
import { containerConfig, missingMaterial } from './task-container.ts';

it('a task sees which generic resources it was given, by Docker’s names', () => {
  const genericResources = [
    { kind: 'NVIDIA-GPU', names: ['UUID1', 'UUID2'] },
    { kind: 'ssd', count: 2 },
  ];
  const task = Task.fromPartial({ spec: { container: { env: ['A=1'] } }, genericResources });
  const { spec } = containerConfig(task, ContainerSpec.fromPartial({ env: ['A=1'] }), undefined);
  expect(spec?.env).toEqual(['A=1', 'DOCKER_RESOURCE_NVIDIA-GPU=UUID1,UUID2', 'DOCKER_RESOURCE_SSD=2']);
});

it('a task is on the network of another one’s container', () => {
  const task = Task.fromPartial({ spec: { container: { networkOf: 'db' } } });
  const spec = ContainerSpec.fromPartial({ networkOf: 'db' });
  expect(containerConfig(task, spec, 'c1').networks).toEqual([{ target: 'container:c1', aliases: [] }]);
  expect(containerConfig(task, spec, undefined).networks).toEqual([]);
});

it('a task is in the namespaces of another one’s container, on networks of its own', () => {
  const task = Task.fromPartial({ spec: { networks: [{ target: 'n' }] } });
  const spec = ContainerSpec.fromPartial({ ipcMode: 'service:db', pidMode: 'host' });
  expect(containerConfig(task, spec, 'c1')).toMatchObject({
    networks: [{ target: 'n' }],
    spec: { ipcMode: 'container:c1', pidMode: 'host' },
  });
});

describe('what a task waits for', () => {
  const nothing = { secrets: new Map(), configs: new Map(), networks: new Set<string>(), credentials: new Map() };

  it('are networks, secrets and configs of the cluster', () => {
    const networks = [{ target: 'n1', aliases: [] }];
    const container = { secrets: [{ id: 's1', name: 'key' }], configs: [{ id: 'c1', name: 'conf' }] };
    const task = Task.fromPartial({ spec: { networks, container } });
    expect(missingMaterial(task, nothing)).toEqual(['network n1', 'secret key', 'config conf']);
  });

  it.each(['host', 'none', 'bridge'])('is not the network %s, which every node has', (target) => {
    expect(missingMaterial(Task.fromPartial({ spec: { networks: [{ target, aliases: [] }] } }), nothing)).toEqual([]);
  });
});
