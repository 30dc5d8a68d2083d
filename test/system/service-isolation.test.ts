/** What a stack's file says of its containers' cgroups, as the kernel has it of a task. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CGROUP_VERSION, cgroupDirectory, readCgroup } from '../lab/container-cgroup.ts';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';

let host: Host;

beforeAll(async () => {
  host = await Host.create('svciso');
  await host.start();
  await importBusybox(host);
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
});

afterAll(() => host.destroy());

const STACK = `services:
  web:
    image: busybox
    command: [sleep, "1000"]
    init: true
    cpu_shares: 512
    cpuset: "0"
    memswap_limit: 96m
    device_cgroup_rules: ["c 10:229 rwm"]
    cgroup: host
    cgroup_parent: shop
    annotations: { com.example.foo: bar }
    runtime: runc
    userns_mode: host
    deploy: { resources: { limits: { memory: 64m } }, update_config: { monitor: 1ms } }
`;

it('reaches its tasks, and a change of it rolls them', async () => {
  const file = join(host.directory, 'stack.yml');
  writeFileSync(file, STACK);
  await host.ok(['stack', 'deploy', '-c', file, 'shop']);
  const id = await host.ok(['ps', '-q', '--no-trunc']);
  const pid = Number(await host.ok(['inspect', '--format', '{{.State.Pid}}', id]));
  expect(readCgroup(pid, id, { v1: 'cpu.shares', v2: 'cpu.weight' })).toBe(CGROUP_VERSION === 2 ? '59' : '512');
  expect(readCgroup(pid, id, { v1: 'cpuset.cpus', v2: 'cpuset.cpus' })).toBe('0');
  const swap = CGROUP_VERSION === 2 ? 32 : 96;
  const swapFiles = { v1: 'memory.memsw.limit_in_bytes', v2: 'memory.swap.max' };
  expect(readCgroup(pid, id, swapFiles)).toBe(String(swap * 2 ** 20));
  expect(cgroupDirectory(pid, id, 'memory').endsWith(`/gantry/shop/${id}`)).toBe(true);
  expect(await host.ok(['exec', id, 'cat', '/proc/self/cgroup'])).toContain(`/gantry/shop/${id}`);

  const spec = JSON.parse(
    await host.ok(['service', 'inspect', '--format', '{{json .Spec.TaskTemplate.ContainerSpec}}', 'shop_web']),
  ) as Record<string, unknown>;
  expect(spec).toMatchObject({
    ...{ CpuShares: 512, CpusetCpus: '0', MemorySwap: 96 * 2 ** 20, DeviceCgroupRules: ['c 10:229 rwm'] },
    ...{ CgroupnsMode: 'host', CgroupParent: 'shop', Annotations: { 'com.example.foo': 'bar' } },
  });
  expect(spec.CpuQuota).toBeUndefined();
  expect(await host.ok(['service', 'inspect', '--pretty', 'shop_web'])).toContain(' CpuShares:\t512\n');

  await host.ok(['stack', 'deploy', '-c', file, 'shop']);
  expect(await host.ok(['ps', '-q', '--no-trunc'])).toBe(id);
  writeFileSync(file, STACK.replace('cpu_shares: 512', 'cpu_shares: 1024'));
  await host.ok(['stack', 'deploy', '-c', file, 'shop']);
  const next = await host.ok(['ps', '-q', '--no-trunc']);
  expect(next).not.toBe(id);
  expect(await host.ok(['inspect', '--format', '{{.HostConfig.CpuShares}}', next])).toBe('1024');
});
