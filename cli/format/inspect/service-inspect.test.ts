import { describe, expect, it } from 'vitest';
import { MountType, RestartCondition, Service } from '../../../proto/generated/gantry/v1/types.ts';
import { inspectService, prettyService } from './service-inspect.ts';

const service = Service.fromPartial({
  id: 'service-1',
  spec: {
    annotations: { name: 'web' },
    mode: { $case: 'replicated', value: { replicas: 2 } },
    placement: {
      platforms: [{ os: 'linux', architecture: '' }],
      imagePlatforms: [{ os: 'linux', architecture: 'arm64' }],
    },
    task: {
      restart: { condition: RestartCondition.ON_FAILURE, delayMs: 1000, maxAttempts: 3 },
      resources: { genericReservations: [{ kind: 'gpu', count: 2 }] },
      container: {
        ...{ image: 'web:1', entrypoint: { items: ['tini'] }, command: { items: ['serve', '-v'] }, env: ['A=1'] },
        ...{ groups: ['g'], hostname: 'h', extraHosts: ['db:10.0.0.1'], dns: ['1.1.1.1'], dnsSearch: ['x'] },
        ...{ stopSignal: 'INT', init: true, readOnly: true, tty: true, capAdd: ['CAP_KILL'], capDrop: ['ALL'] },
        ...{ sysctls: { b: '2', a: '1' }, ulimits: [{ name: 'nofile', soft: 1, hard: 2 }], oomScoreAdj: 5 },
        healthcheck: { test: ['CMD-SHELL', 'true'], intervalMs: 1000, retries: 2 },
        mounts: [{ type: MountType.TMPFS, target: '/t', tmpfsSizeBytes: 1024, tmpfsMode: 0o1777 }],
        secrets: [{ id: 's1', name: 'key', target: '/run/secrets/key', mode: 0o400 }],
      },
    },
  },
});

describe('service inspect', () => {
  it('has Docker’s names for all that can be set', () => {
    expect(inspectService(service)).toMatchObject({
      Spec: {
        TaskTemplate: {
          Placement: {
            Platforms: [{ Architecture: '', OS: 'linux' }],
            ImagePlatforms: [{ Architecture: 'arm64', OS: 'linux' }],
          },
          Resources: { Reservations: { GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 2 } }] } },
          ContainerSpec: {
            ...{ Image: 'web:1', Command: ['tini'], Args: ['serve', '-v'], Groups: ['g'], Hostname: 'h' },
            ...{ TTY: true, Init: true, ReadOnly: true, StopSignal: 'INT', StopGracePeriod: 10_000_000_000 },
            Hosts: ['10.0.0.1 db'],
            DNSConfig: { Nameservers: ['1.1.1.1'], Search: ['x'], Options: [] },
            Sysctls: new Map(Object.entries({ b: '2', a: '1' })),
            ...{ CapabilityAdd: ['CAP_KILL'], CapabilityDrop: ['ALL'], OomScoreAdj: 5 },
            Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
            Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1024, Mode: 0o1777 } }],
            Secrets: [{ SecretID: 's1', SecretName: 'key', File: { Name: '/run/secrets/key', Mode: 0o400 } }],
          },
        },
      },
    });
  });

  it('tells people only what says something', () => {
    const text = prettyService(service);
    for (const line of [
      ...[' Command:\ttini', ' Args:\tserve -v', ' Hosts:\t10.0.0.1 db', ' Init:\ttrue', ' Sysctls:\ta=1 b=2'],
      ...[' Ulimits:\tnofile=1:2', ' Test:\tCMD-SHELL true', ' Interval:\t1s', ' Target:\t/run/secrets/key'],
      ...['  Source:\tkey', ' Condition:\ton-failure', ' Delay:\t1s', ' Max attempts:\t3', '  gpu:\t\t2'],
      ...[' Platforms:\t[linux]', ' Image Platforms:\t[linux/arm64]'],
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    const bare = prettyService(Service.fromPartial({ id: 'x', spec: { task: { container: { image: 'web:1' } } } }));
    expect(bare).toContain('ContainerSpec:\n Image:\tweb:1\n');
    expect(bare).not.toMatch(/Init|TTY|Mounts|Secrets|Healthcheck|DNS|undefined/);
  });
});
