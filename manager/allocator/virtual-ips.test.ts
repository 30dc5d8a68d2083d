import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Cluster, EndpointMode, NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { systemClock } from '../clock.ts';
import { runControlLoop } from '../control-loop.ts';
import { NO_METRICS } from '../metrics/manager-metrics.ts';
import { service } from '../objects.testing.ts';
import { clusterType } from '../store/cluster.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { networkType } from '../store/network.ts';
import type { ServiceObject } from '../store/service.ts';
import { StoreState } from '../store/state.ts';
import { FORMAT_OF_VIRTUAL_IPS } from '../store/state-format.ts';
import { Store } from '../store/store.ts';
import { Turns } from '../turns.ts';
import { virtualIpLoop, virtualIpsOfBoth } from './virtual-ips.ts';

const logger = pino({ level: 'silent' });
let over = new AbortController();
let running: Promise<void> = Promise.resolve();

beforeEach(() => {
  over = new AbortController();
});

afterEach(async () => {
  over.abort();
  await running;
});

async function start(stateFormat: number, ...services: readonly ServiceObject[]): Promise<Store> {
  const state = new StoreState(logger);
  const store = new Store(state, new MemoryLog('n1', state), systemClock);
  await store.update((tx) => {
    tx.create('cluster', clusterType.complete(Cluster.fromPartial({ id: 'c1', stateFormat })));
    for (const [id, subnet] of [
      ['front', '10.1.0.0/20'],
      ['back', '10.2.0.0/20'],
      ['full', '10.3.0.0/29'],
    ] as const) {
      tx.create(
        'network',
        networkType.complete({
          id,
          meta: undefined,
          spec: NetworkSpec.fromPartial({ annotations: { name: id } }),
          subnet,
          gateway: subnet.replace(/0\/\d+$/, '1'),
          blocks: id === 'full' ? [{ nodeId: 'node1', cidr: subnet }] : [],
          pendingDelete: false,
          vni: 0,
          ipv6Subnet: id === 'back' ? 'fd00:2::/64' : '',
          ipv6Gateway: id === 'back' ? 'fd00:2::1' : '',
        }),
      );
    }
    for (const one of services) tx.create('service', one);
  });
  const context = { store, logger, clock: systemClock, turns: new Turns(), metrics: NO_METRICS };
  running = runControlLoop(virtualIpLoop(logger), context, over.signal);
  return store;
}

function on(id: string, networks: readonly string[], endpointMode: EndpointMode = EndpointMode.VIP): ServiceObject {
  const plain = service(id);
  const attachments = networks.map((target) => ({ target, aliases: [] }));
  return { ...plain, spec: { ...plain.spec, endpointMode, task: { ...plain.spec.task, networks: attachments } } };
}

function addresses(store: Store, id: string): Record<string, string> {
  const { virtualIps = [] } = store.view((read) => read.get('service', id)) ?? {};
  return Object.fromEntries(virtualIps.map(({ networkId, address }) => [networkId, address]));
}

describe("services' own addresses", () => {
  it('are one for each network, another for each service, and kept while the service is on the network', async () => {
    const store = await start(FORMAT_OF_VIRTUAL_IPS, on('a', ['front', 'back']), on('b', ['front']));
    await vi.waitFor(() => {
      expect(addresses(store, 'a')).toEqual({
        front: expect.stringMatching(/^10\.1\./),
        back: expect.stringMatching(/^10\.2\./),
      });
      expect(addresses(store, 'b')).toEqual({ front: expect.stringMatching(/^10\.1\./) });
    });
    const { front } = addresses(store, 'a');
    expect(addresses(store, 'b').front).not.toBe(front);
    await store.update((tx) => {
      const now = tx.get('service', 'a');
      if (now !== undefined) tx.update('service', { ...now, spec: on('a', ['front']).spec });
    });
    await vi.waitFor(() => expect(addresses(store, 'a')).toEqual({ front }));
  });

  it('are shown with the one of IPv6 that is as far from the beginning of its subnet', async () => {
    const virtualIps = [
      { networkId: 'back', address: '10.2.1.2' },
      { networkId: 'front', address: '10.1.1.2' },
    ];
    const store = await start(FORMAT_OF_VIRTUAL_IPS, { ...on('a', ['back', 'front']), virtualIps });
    const shown = store.view((read) => {
      const now = read.get('service', 'a');
      return now === undefined ? [] : virtualIpsOfBoth(read, now);
    });
    expect(shown).toEqual([
      { networkId: 'back', address: '10.2.1.2/20' },
      { networkId: 'back', address: 'fd00:2::102/64' },
      { networkId: 'front', address: '10.1.1.2/20' },
    ]);
  });

  it('are none for a service whose name stands for its tasks, and go when that is wanted', async () => {
    const store = await start(FORMAT_OF_VIRTUAL_IPS, on('a', ['front'], EndpointMode.DNSRR), on('b', ['front']));
    await vi.waitFor(() => expect(addresses(store, 'b')).not.toEqual({}));
    expect(addresses(store, 'a')).toEqual({});
    await store.update((tx) => {
      const now = tx.get('service', 'b');
      if (now !== undefined) tx.update('service', { ...now, spec: on('b', ['front'], EndpointMode.DNSRR).spec });
    });
    await vi.waitFor(() => expect(addresses(store, 'b')).toEqual({}));
  });

  it('are left out on a network that has none left', async () => {
    const store = await start(FORMAT_OF_VIRTUAL_IPS, on('a', ['full', 'front']));
    await vi.waitFor(() => expect(Object.keys(addresses(store, 'a'))).toEqual(['front']));
  });

  it('are given as soon as all managers know of them', async () => {
    const store = await start(FORMAT_OF_VIRTUAL_IPS - 1, on('a', ['front']));
    await store.update((tx) => tx.create('service', on('b', ['front'])));
    expect(addresses(store, 'a')).toEqual({});
    await store.update((tx) => {
      const cluster = tx.get('cluster', 'c1');
      if (cluster !== undefined) tx.update('cluster', { ...cluster, stateFormat: FORMAT_OF_VIRTUAL_IPS });
    });
    await vi.waitFor(() => {
      expect(addresses(store, 'a')).not.toEqual({});
      expect(addresses(store, 'b')).not.toEqual({});
    });
  });
});
