/** Cgroup parents and namespaces, annotations, and what of /proc is open: as the kernel and the bundle have it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output } from '../lab/command.ts';
import { CGROUP_VERSION, cgroupDirectory } from '../lab/container-cgroup.ts';
import { ROOT } from '../lab/engine-host.ts';
import { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

let host: Host;

beforeAll(async () => {
  host = await Host.create('runiso');
  await host.start();
  await importBusybox(host);
});

afterAll(() => host.destroy());

const run = (...args: string[]) => host.ok(['run', '--rm', ...args]);
const start = (...flags: string[]) => host.ok(['run', '-d', '--init', ...flags, 'busybox', 'sleep', '1000']);
const pidOf = async (id: string) => Number(await host.ok(['inspect', '--format', '{{.State.Pid}}', id]));
const inspected = (id: string, path: string) => host.ok(['inspect', '--format', `{{json ${path}}}`, id]);

async function refused(...flags: string[]): Promise<string> {
  const { code, stderr } = await host.gantry(['run', '--rm', ...flags, 'busybox', 'true']);
  expect(code).toBe(125);
  return stderr;
}

/** Cgroups called `name` right in /gantry, of all hierarchies. */
function parentsCalled(name: string): string[] {
  const roots = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((one) => join('/sys/fs/cgroup', one))];
  return roots.map((root) => join(root, 'gantry', name)).filter((directory) => existsSync(directory));
}

describe('a cgroup parent', () => {
  it('holds the container, outlives a crash of gantryd with it, and goes with the last one', async () => {
    const name = `lab-${process.pid}`;
    const one = await start('--cgroup-parent', `${name}/deep`);
    const two = await start('--cgroup-parent', `/gantry/${name}`);
    const directory = cgroupDirectory(await pidOf(one), one, 'memory');
    expect(directory.endsWith(`/gantry/${name}/deep/${one}`)).toBe(true);
    expect(cgroupDirectory(await pidOf(two), two, 'pids').endsWith(`/gantry/${name}/${two}`)).toBe(true);
    expect(await inspected(one, '.HostConfig.CgroupParent')).toBe(`"${name}/deep"`);

    await host.stop('SIGKILL');
    await host.start();
    expect(await host.ok(['exec', one, 'echo', 'alive'])).toBe('alive');
    await host.ok(['rm', '-f', one]);
    expect(existsSync(directory)).toBe(false);
    expect(parentsCalled(name)).not.toEqual([]);

    // Its end while gantryd is away is cleared up by the shim.
    const pid = await pidOf(two);
    await host.stop('SIGKILL');
    process.kill(pid, 'SIGKILL');
    await until('the cgroups to be removed', async () => parentsCalled(name).length === 0);
    await host.start();
    await host.ok(['rm', '-f', two]);
  });

  it('is refused outside of what is ours', async () => {
    expect(await refused('--cgroup-parent', '/system')).toContain("is not one of gantry's own");
    expect(await refused('--cgroup-parent', '../x')).toContain('invalid cgroup parent');
    expect(await refused('--cgroup-parent', 'machine.slice')).toContain('invalid cgroup parent');
  });
});

describe('a cgroup namespace', () => {
  const membership = 'cat /proc/self/cgroup';

  it("is the container's own, or the host's", async () => {
    expect(await run('busybox', 'sh', '-c', membership)).not.toContain('gantry');
    expect(await run('--cgroupns', 'private', 'busybox', 'sh', '-c', membership)).not.toContain('gantry');
    const id = await start('--cgroupns', 'host');
    expect(await host.ok(['exec', id, 'sh', '-c', membership])).toContain(`/gantry/${id}`);
    const seen = CGROUP_VERSION === 2 ? `/sys/fs/cgroup/gantry/${id}/pids.current` : '/sys/fs/cgroup/pids/pids.current';
    expect(Number(await host.ok(['exec', id, 'cat', seen]))).toBeGreaterThan(0);
    const { code } = await host.gantry(['exec', id, 'sh', '-c', `echo 1 >${seen.replace('current', 'max')}`]);
    expect(code).not.toBe(0);
    expect(await inspected(id, '.HostConfig.CgroupnsMode')).toBe('"host"');
    await host.ok(['rm', '-f', id]);
  });

  it('is refused in another form', async () => {
    expect(await refused('--cgroupns', 'container:x')).toContain('invalid argument "container:x" for --cgroupns');
  });
});

describe('annotations', () => {
  it("are in the bundle's configuration and what the runtime says of it", async () => {
    const id = await start('--annotation', 'org.example.a=b=c', '--annotation', 'org.example.empty');
    const bundle = join(host.execRoot, 'containers', id);
    const { annotations } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as { annotations: object };
    expect(annotations).toEqual({ 'org.example.a': 'b=c', 'org.example.empty': '' });
    expect(JSON.parse(await inspected(id, '.HostConfig.Annotations'))).toEqual(annotations);
    const state = [join(ROOT, 'native/build/gantry-runtime'), '--root', join(host.execRoot, 'runtime'), 'state', id];
    expect(JSON.parse(await output(state))).toMatchObject({ annotations });
    await host.ok(['rm', '-f', id]);
  });
});

describe('system paths', () => {
  const script = 'head -c 1 /proc/sysrq-trigger 2>&1; grep -c " /proc/" /proc/mounts';

  it('are hidden or read-only unless they are said to be open', async () => {
    expect(Number((await run('busybox', 'sh', '-c', script)).split('\n').at(-1))).toBeGreaterThan(5);
    const open = await host.gantry([
      ...['run', '--rm', '--security-opt', 'systempaths=unconfined', 'busybox', 'sh', '-c', script],
    ]);
    expect(open.stdout.trim().split('\n').at(-1)).toBe('0');
  });
});

describe('what is there anyway', () => {
  it('may be asked for, and nothing else', async () => {
    const flags = ['--userns', 'host', '--runtime', 'runc', '--security-opt', 'apparmor=unconfined'];
    expect(await run(...flags, '--security-opt', 'label=disable', 'busybox', 'echo', 'well')).toBe('well');
    expect(await refused('--userns', 'nomap')).toContain('invalid argument "nomap" for --userns');
    expect(await refused('--runtime', 'kata')).toContain('unknown or invalid runtime name: kata');
    expect(await refused('--security-opt', 'apparmor=mine')).toContain('invalid argument "apparmor=mine"');
  });
});

it('the namespaces of another container are shared with what is in its shared memory', async () => {
  const one = await start('--ipc', 'shareable');
  await host.ok(['exec', one, 'sh', '-c', 'echo hello >/dev/shm/file']);
  const beside = ['--ipc', `container:${one}`, '--pid', `container:${one}`];
  const seen = await run(...beside, 'busybox', 'sh', '-c', 'cat /dev/shm/file; ps | grep -c "[s]leep 1000"');
  expect(seen).toMatch(/^hello\n[1-9]/);
  await host.ok(['rm', '-f', one]);
});
