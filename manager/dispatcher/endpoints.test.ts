import { describe, expect, it } from 'vitest';
import { service } from '../objects.testing.ts';
import { endpointsOf } from './endpoints.ts';

describe('the names of a service', () => {
  const named = (containerName: string) => {
    const plain = service('web', { networks: ['front'] });
    const { task } = plain.spec;
    return { ...plain, spec: { ...plain.spec, task: { ...task, container: { ...task.container, containerName } } } };
  };

  it('are also that of its container', () => {
    expect(endpointsOf(named(''), [])?.networks).toEqual([{ target: 'front', aliases: [] }]);
    expect(endpointsOf(named('db'), [])?.networks).toEqual([{ target: 'front', aliases: ['db'] }]);
  });
});
