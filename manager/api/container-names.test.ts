import { describe, expect, it } from 'vitest';
import { ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { completeServiceSpec } from '../store/service.ts';
import { checkContainerName, refuseSharedNames } from './container-names.ts';

type Mode = ServiceSpec['mode'];

function named(containerName: string, mode: Mode = { $case: 'replicated', value: { replicas: 1 } }, name = 'web') {
  const spec = { annotations: { name, labels: {} }, task: { container: { image: 'a', containerName } } };
  return { ...completeServiceSpec(ServiceSpec.fromPartial(spec)), mode };
}

describe('checkContainerName', () => {
  it.each<[string, Mode]>([
    ['one replica', { $case: 'replicated', value: { replicas: 1 } }],
    ['none', { $case: 'replicated', value: { replicas: 0 } }],
    ['one on each node', { $case: 'global', value: {} }],
    ['one after the other', { $case: 'replicatedJob', value: { totalCompletions: 5, maxConcurrent: 1 } }],
  ])('takes %s', (_name, mode) => {
    expect(() => checkContainerName(named('front', mode))).not.toThrow();
  });

  it.each<[string, Mode, string]>([
    ['front', { $case: 'replicated', value: { replicas: 2 } }, 'only one container can have, and 2 replicas'],
    ['front', { $case: 'replicatedJob', value: { totalCompletions: 5, maxConcurrent: 2 } }, 'and 2 replicas'],
    ['a b', { $case: 'global', value: {} }, 'invalid container name "a b"'],
  ])('refuses %s: %j', (name, mode, message) => {
    expect(() => checkContainerName(named(name, mode))).toThrow(message);
  });

  it('asks nothing of a service without one', () => {
    expect(() => checkContainerName(named('', { $case: 'replicated', value: { replicas: 9 } }))).not.toThrow();
  });
});

describe('refuseSharedNames', () => {
  const services = (...names: string[]) => names.map((name, at) => ({ spec: named(name, undefined, `s${at}`) }));

  it('lets a name be one service’s', () => {
    expect(() => refuseSharedNames(services('a', 'b', '', ''))).not.toThrow();
    expect(() => refuseSharedNames(services('a', '', 'a'))).toThrow('service s2: container name a is service s0');
  });
});
