import { describe, expect, it } from 'vitest';
import { Task } from '../../proto/generated/gantry/v1/types.ts';
import { missingMaterial } from './task-container.ts';

describe('what a task waits for', () => {
  const nothing = { secrets: new Map(), configs: new Map(), networks: new Set<string>() };

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
