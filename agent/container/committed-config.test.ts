import { describe, expect, it } from 'vitest';
import { ContainerConfig, ImageConfig } from '../../proto/generated/gantry/v1/engine.ts';
import { ContainerSpec, PortConfig, PortProtocol } from '../../proto/generated/gantry/v1/types.ts';
import { committedConfig } from './committed-config.ts';

const image = ImageConfig.fromPartial({
  entrypoint: ['/entry'],
  command: ['serve'],
  env: ['PATH=/bin', 'A=image', 'GONE=1'],
  dir: '/srv',
  user: '33',
  exposedPorts: ['80/tcp'],
  volumes: ['/data'],
  labels: { from: 'image', both: 'image' },
  stopSignal: 'SIGINT',
  healthcheck: { test: ['CMD', 'true'], intervalMs: 5000 },
});

const committed = (spec: Parameters<typeof ContainerSpec.fromPartial>[0], ports: PortConfig[] = []) =>
  committedConfig({
    image,
    config: ContainerConfig.fromPartial({ spec: ContainerSpec.fromPartial(spec), ports }),
    volumes: [
      { name: 'a', target: '/data', readOnly: false, anonymous: true },
      { name: 'b', target: '/cache', readOnly: false, anonymous: true },
      { name: 'named', target: '/named', readOnly: false, anonymous: false },
    ],
  });

describe('the config of a committed container', () => {
  it("is its image's where it says nothing itself", () => {
    expect(committed({})).toEqual({ ...image, volumes: ['/data', '/cache'] });
  });

  it('has what the container was given', () => {
    const udp = PortConfig.fromPartial({ protocol: PortProtocol.UDP, targetPort: 53 });
    const config = committed({ env: ['A=own', 'B=2', 'GONE'], dir: '/', labels: { both: 'own' }, user: '0' }, [udp]);
    expect(config).toMatchObject({
      env: ['PATH=/bin', 'A=own', 'B=2'],
      dir: '/',
      user: '0',
      exposedPorts: ['80/tcp', '53/udp'],
      labels: { from: 'image', both: 'own' },
    });
    expect(committed({ healthcheck: { test: ['NONE'] } }).healthcheck).toMatchObject({ test: ['NONE'] });
    expect(committed({ healthcheck: { retries: 2 } }).healthcheck).toMatchObject({
      test: ['CMD', 'true'],
      intervalMs: 5000,
      retries: 2,
    });
  });

  it.each([
    [{}, ['/entry'], ['serve']],
    [{ command: { items: ['other'] } }, ['/entry'], ['other']],
    [{ entrypoint: { items: ['/own'] } }, ['/own'], []],
    [{ entrypoint: { items: ['/own'] }, command: { items: ['x'] } }, ['/own'], ['x']],
    [{ entrypoint: { items: [''] }, command: { items: ['sh'] } }, [], ['sh']],
  ])('runs what the container ran: %j', (spec, entrypoint, command) => {
    expect(committed(spec)).toMatchObject({ entrypoint, command });
  });
});
