import { describe, expect, it } from 'vitest';
import {
  MountType,
  type NetworkAttachmentConfig,
  PortConfig,
  TaskSpec,
} from '../../proto/generated/gantry/v1/types.ts';
import { TASK_FORMAT } from '../../proto/task-format.ts';
import { STATE_FORMAT } from './state-format.ts';
import { newestPart, newestPort, OLDEST_TASK_FORMAT } from './task-format.ts';

const partOf = (container: object, networks: Partial<NetworkAttachmentConfig>[] = []) =>
  newestPart(TaskSpec.fromPartial({ container, networks }));

describe('what older agents would ignore', () => {
  it('is nothing of what they know', () => {
    expect(partOf({ image: 'a', mounts: [{ source: '/a', target: '/b' }], hostname: 'x' }, [{ target: 'n' }])).toBe(
      undefined,
    );
  });

  it.each<[string, object]>([
    ['hooks', { postStart: [{ argv: ['a'] }] }],
    ['hooks', { preStart: [{ hook: { argv: ['a'] } }] }],
    ['hooks', { preStop: [{ argv: ['a'] }] }],
    ['cgroup settings', { cgroup: { cpuShares: 2 } }],
    ['a cgroup namespace or parent', { cgroupParent: 'a' }],
    ['annotations of its containers', { ociAnnotations: { a: 'b' } }],
    ['unconfined system paths', { unconfinedSystemPaths: true }],
    ['a container name', { containerName: 'a' }],
    ["a part of a volume, or a mount's own options", { mounts: [{ subpath: 'a' }] }],
    ['a log driver or its options', { log: { driver: 'none' } }],
    ['a CDI device', { cdiDevices: ['nvidia.com/gpu=0'] }],
    ['a mount of an image', { mounts: [{ type: MountType.IMAGE, source: 'app', target: '/app' }] }],
    ["another service's network", { networkOf: 'db' }],
  ])('is %s: %j', (what, container) => {
    expect(partOf(container)).toEqual({ format: 6, what });
  });

  it('is a range of ports of which one is published', () => {
    const port = PortConfig.fromPartial({ targetPort: 80, publishedPort: 8000 });
    expect(newestPort([port])).toBeUndefined();
    expect(newestPort([{ ...port, publishedLast: 8001 }])?.format).toBe(6);
  });

  it('is never newer than this version', () => {
    expect(partOf({}, [{ target: 'n', ip: '10.0.0.2' }])?.what).toBe('an address or a link of its task');
    expect(TASK_FORMAT).toBe(STATE_FORMAT);
    expect(OLDEST_TASK_FORMAT).toBeLessThan(TASK_FORMAT);
  });
});
