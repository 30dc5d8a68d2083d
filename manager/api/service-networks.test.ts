import { describe, expect, it } from 'vitest';
import { UpdateConfig, UpdateOrder } from '../../proto/generated/gantry/v1/types.ts';
import { type ServiceOptions, serviceSpec } from '../objects.testing.ts';
import { completeServiceSpec } from '../store/service.ts';
import { checkServiceNetworks, checkSharedNetworks } from './service-networks.ts';

const check = (networks: readonly string[], ports: readonly { targetPort: number }[] = []) =>
  checkServiceNetworks(completeServiceSpec(serviceSpec('web', { networks, ports })));

describe('a service', () => {
  it.each([[[]], [['host']], [['none']], [['bridge']], [['front', 'back']]])('may be on %j', (networks) => {
    expect(() => check(networks)).not.toThrow();
  });

  it.each([
    [['host', 'front'], [], 'service web: network "host" can\'t be combined with others'],
    [['front', 'none'], [], 'service web: network "none" can\'t be combined with others'],
    [['host'], [{ targetPort: 80 }], 'service web publishes ports, but is on the network of its hosts'],
    [['none'], [{ targetPort: 80 }], 'service web publishes ports, but has no network'],
  ])('may not be on %j with ports %j', (networks, ports, message) => {
    expect(() => check(networks, ports)).toThrow(message);
  });

  it.each([
    [{ replicas: 2 }, undefined, 'service web has address 10.0.0.9, which one task can have'],
    [{ global: true }, undefined, 'service web has address 10.0.0.9, which one task can have'],
    [{ replicas: 1 }, UpdateOrder.START_FIRST, "service web has address 10.0.0.9, which two tasks can't have"],
  ])('has an address of its own only with one task at a time: %j, %s', (options, order, message) => {
    const spec = completeServiceSpec(serviceSpec('web', options));
    const task = { ...spec.task, networks: [{ target: 'front', aliases: [], ip: '10.0.0.9' }] };
    const update = UpdateConfig.fromPartial({ order: order ?? UpdateOrder.STOP_FIRST });
    expect(() => checkServiceNetworks({ ...spec, task, update })).toThrow(message);
    const one = { ...spec, mode: { $case: 'replicated', value: { replicas: 1 } } as const, task };
    expect(() => checkServiceNetworks(one)).not.toThrow();
  });

  it('has an address on its link only with one task at a time, or one on each node', () => {
    const onLink = (options: Partial<ServiceOptions>, address = '169.254.0.9') => {
      const spec = completeServiceSpec(serviceSpec('web', options));
      const networks = [{ target: 'front', aliases: [], linkLocalIps: { items: [address] } }];
      return () => checkServiceNetworks({ ...spec, task: { ...spec.task, networks } });
    };
    expect(onLink({ replicas: 2 })).toThrow('service web has address 169.254.0.9, which one task can have');
    expect(onLink({ replicas: 1 })).not.toThrow();
    expect(onLink({ global: true })).not.toThrow();
    expect(onLink({ replicas: 1 }, '10.0.0.9')).toThrow('"10.0.0.9" is not a link-local address');
  });

  it.each([
    [{ networks: ['front'] }, 'service web has networks, but is on the network of service db'],
    [{ ports: [{ targetPort: 80 }] }, 'service web has ports, but is on the network of service db'],
  ])('on the network of another has none of what belongs to a network: %j', (options, message) => {
    const spec = completeServiceSpec(serviceSpec('web', { ...options, networkOf: 'db' }));
    expect(() => checkServiceNetworks(spec)).toThrow(message);
    expect(() => checkServiceNetworks(completeServiceSpec(serviceSpec('web', { networkOf: 'db' })))).not.toThrow();
  });

  it.each<[ServiceOptions, ServiceOptions, string | undefined]>([
    [{}, {}, undefined],
    [{ replicas: 2 }, { replicas: 3 }, undefined],
    [{ global: true }, { global: true }, undefined],
    [{ global: true }, {}, 'of which only one is global'],
    [{}, { global: true }, 'of which only one is global'],
    [{ replicas: 3 }, { replicas: 2 }, 'service web has 3 tasks, and service db, whose network they share, 2'],
  ])('%j shares the network of one that is %j', (own, other, message) => {
    const services = [serviceSpec('web', { ...own, networkOf: 'db' }), serviceSpec('db', other)].map(
      completeServiceSpec,
    );
    const checking = expect(() => checkSharedNetworks(services));
    if (message === undefined) checking.not.toThrow();
    else checking.toThrow(message);
  });

  it('shares with one other alone', () => {
    const spec = completeServiceSpec(serviceSpec('web', {}));
    const sharing = (ipcMode: string, pidMode: string) => () =>
      checkServiceNetworks({
        ...spec,
        task: { ...spec.task, container: { ...spec.task.container, ipcMode, pidMode } },
      });
    expect(sharing('service:db', 'service:db')).not.toThrow();
    expect(sharing('service:db', 'host')).not.toThrow();
    expect(sharing('service:db', 'service:app')).toThrow("service web can't share with both db and app");
  });

  it('publishes ports where it has a network of each host', () => {
    expect(() => check(['bridge'], [{ targetPort: 80 }])).not.toThrow();
  });
});
