/** What a container can't do to its host, and how its limits show. */
import { access, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../lab/command.ts';
import { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

let host: Host;

beforeAll(async () => {
  host = await Host.create('isolation');
  await host.start();
  await importBusybox(host);
});

afterAll(() => host.destroy());

const run = (...args: string[]) => host.gantry(['run', '--rm', ...args]);

describe('a container', () => {
  it('sees only its own processes', async () => {
    const { stdout } = await run('busybox', 'sh', '-c', 'ls -d /proc/[0-9]*');
    expect(stdout.trim().split('\n').length).toBeLessThanOrEqual(2);
  });

  it("can't signal the host's processes", async () => {
    const { code, stderr } = await run('busybox', 'kill', '-0', String(process.pid));
    expect(code).not.toBe(0);
    expect(stderr).toContain('No such process');
  });

  it.each([
    ['mount -t tmpfs none /mnt', /permission denied|not permitted/i],
    ['mount -o remount,rw /proc/sys', /permission denied|not permitted/i],
    ['echo 1 >/proc/sys/kernel/panic', /read-only|permission/i],
    ['echo 3 >/proc/sys/vm/drop_caches', /read-only|permission/i],
    ['for f in kcore keys timer_list; do head -c 1 /proc/$f; done | grep .', /.*/],
    ['insmod /bin/busybox', /not permitted|denied/i],
    ['mknod /dev/sda b 8 0 && cat /dev/sda', /not permitted|denied/i],
    ['unshare -m true', /not permitted|denied/i],
    ['hostname other', /not permitted|denied/i],
    ['ip link set lo down', /not permitted|denied/i],
    ['chroot /proc/1/root ls /work', /.*/],
    ['echo x >/sys/fs/cgroup/x', /.*/],
  ])('is refused `%s`', async (script, message) => {
    const { code, stderr } = await run('busybox', 'sh', '-c', script);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
  });

  it("can't leave a program for the host's other users", async () => {
    const id = await host.ok(['run', '-d', '--init', 'busybox', 'sleep', '100']);
    await host.ok(['exec', id, 'sh', '-c', 'cp /bin/busybox /tmp/id && chmod 4755 /tmp/id']);
    const rootfs = join(host.execRoot, 'containers', id, 'rootfs');
    const upper = join(host.dataRoot, 'snapshots', id, 'fs');
    // The lab's own directory is root's alone; a host's /var/lib and /run aren't.
    await chmod(host.directory, 0o711);
    for (const directory of [rootfs, upper]) {
      await access(join(directory, 'tmp/id'));
      // A shell of the user's: setpriv itself keeps its capabilities until it has executed something.
      const user = ['setpriv', '--reuid=12345', '--regid=12345', '--clear-groups', 'sh', '-c', '"$0"'];
      expect((await runCommand([...user, join(directory, 'tmp/id')])).stderr).toContain('ermission denied');
    }
    await chmod(host.directory, 0o700);
    await host.ok(['rm', '-f', id]);
  });

  it("has Docker's capabilities and no others, and no new privileges when asked", async () => {
    const { stdout } = await run('busybox', 'grep', 'CapBnd', '/proc/self/status');
    expect(stdout).toContain('00000000a80425fb');
    const strict = await run(
      '--security-opt',
      'no-new-privileges',
      'busybox',
      'grep',
      'NoNewPrivs',
      '/proc/self/status',
    );
    expect(strict.stdout).toMatch(/NoNewPrivs:\s+1/);
    const seccomp = await run('busybox', 'grep', 'Seccomp:', '/proc/self/status');
    expect(seccomp.stdout).toMatch(/Seccomp:\s+2/);
  });

  it('is killed when it exceeds its memory, and says so', async () => {
    const name = 'hog';
    const { code } = await host.gantry([
      'run',
      '--name',
      name,
      '-m',
      '16m',
      'busybox',
      'sh',
      '-c',
      'x=$(yes | head -c 64000000); echo $x | wc -c',
    ]);
    expect(code).toBe(137);
    expect(await host.ok(['inspect', '--format', '{{.State.OOMKilled}} {{.State.ExitCode}}', name])).toBe('true 137');
    await host.ok(['rm', name]);
  });

  it("can't fork beyond its pids limit", async () => {
    const { stderr } = await run(
      '--pids-limit',
      '5',
      'busybox',
      'sh',
      '-c',
      'for i in 1 2 3 4 5 6 7 8; do sleep 3 & done; wait',
    );
    expect(stderr).toMatch(/can't fork/);
  });

  it('gets no more CPU than its limit', async () => {
    const script = 'timeout 2 sh -c "while :; do :; done"; cat /proc/uptime >/dev/null; times';
    const { stdout } = await run('--cpus', '0.2', 'busybox', 'sh', '-c', script);
    const used = [...stdout.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
      (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
      0,
    );
    expect(used).toBeGreaterThan(0);
    expect(used).toBeLessThan(1);
  });

  it('passes on exit codes, output and input as they are', async () => {
    expect((await run('busybox', 'sh', '-c', 'exit 42')).code).toBe(42);
    expect((await run('busybox', 'no-such-program')).code).toBe(127);
    expect((await run('busybox', '/etc')).code).toBe(126);
    expect((await run('no-such-image', 'true')).code).toBe(125);
    const text = 'line\n'.repeat(200_000);
    const { stdout } = await host.gantry(['run', '--rm', '-i', 'busybox', 'cat'], { stdin: text });
    expect(stdout).toBe(text);
  });

  it('is restarted by its policy until it is stopped', async () => {
    await host.ok(['run', '-d', '--name', 'again', '--restart', 'always', 'busybox', 'sh', '-c', 'exit 3']);
    await until(
      'two restarts',
      async () => Number(await host.look(['inspect', '--format', '{{.RestartCount}}', 'again'])) >= 2,
    );
    await host.ok(['rm', '-f', 'again']);
    expect(await host.ok(['ps', '-aq'])).toBe('');
  });
});
