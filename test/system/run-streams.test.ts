/** Volumes of other containers, exposed ports, logs that aren't kept, and streams that are attached to or not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

let host: Host;

beforeAll(async () => {
  host = await Host.create('streams');
  await host.start();
  await importBusybox(host);
});

afterAll(() => host.destroy());

const BOTH = ['busybox', 'sh', '-c', 'echo out; echo err >&2'];

describe('--volumes-from', () => {
  it('shares what another container has, also once that is gone', async () => {
    await host.ok([
      'run',
      '--name',
      'data',
      '-v',
      '/data',
      '-v',
      'named:/named',
      'busybox',
      'sh',
      '-c',
      'echo 1 >/data/x',
    ]);
    expect(await host.ok(['run', '--rm', '--volumes-from', 'data', 'busybox', 'cat', '/data/x'])).toBe('1');
    const readOnly = ['run', '--rm', '--volumes-from', 'data:ro', 'busybox', 'touch', '/named/y'];
    expect((await host.gantry(readOnly)).stderr).toContain('Read-only file system');
    const id = await host.ok(['run', '-d', '--init', '--volumes-from', 'data', 'busybox', 'sleep', '1000']);
    await host.ok(['rm', '-v', 'data']);
    expect(await host.ok(['exec', id, 'cat', '/data/x'])).toBe('1');
    expect(await host.ok(['inspect', '--format', '{{json .HostConfig.VolumesFrom}}', id])).toBe('["data"]');
    await host.ok(['rm', '-f', id]);
  });

  it('refuses a container that there is not', async () => {
    const { code, stderr } = await host.gantry(['run', '--rm', '--volumes-from', 'nobody', 'busybox', 'true']);
    expect(code).toBe(125);
    expect(stderr).toContain('no such container: nobody');
  });
});

describe('--expose', () => {
  it('is published with -P, and only then', async () => {
    const expose = ['--expose', '8000-8001', '--expose', '53/udp'];
    const id = await host.ok(['run', '-d', '--init', '-P', ...expose, 'busybox', 'sleep', '1000']);
    const ports = (await host.ok(['port', id])).split('\n').map((line) => line.split(' ')[0]);
    expect([...new Set(ports)].sort()).toEqual(['53/udp', '8000/tcp', '8001/tcp']);
    const other = await host.ok(['run', '-d', '--init', ...expose, 'busybox', 'sleep', '1000']);
    expect(await host.ok(['port', other])).toBe('');
    await host.ok(['rm', '-f', id, other]);
    expect((await host.gantry(['run', '--expose', '0', 'busybox'])).stderr).toContain(
      'invalid argument "0" for --expose',
    );
  });
});

describe('--log-driver', () => {
  it('none keeps nothing of what is still shown', async () => {
    const { stdout, stderr } = await host.gantry(['run', '--name', 'quiet', '--log-driver', 'none', ...BOTH]);
    expect([stdout, stderr]).toEqual(['out\n', 'err\n']);
    const logs = await host.gantry(['logs', 'quiet']);
    expect(logs.code).toBe(1);
    expect(logs.stderr).toContain('configured logging driver does not support reading');
    const id = await host.ok(['inspect', '--format', '{{.Id}} {{.HostConfig.LogConfig.Type}}', 'quiet']);
    expect(id).toMatch(/ none$/);
    const directory = join(host.dataRoot, 'containers', id.split(' ')[0] ?? '');
    expect(readdirSync(directory)).toEqual(['container.json']);
    expect((await host.gantry(['start', '-a', 'quiet'])).stderr).toContain('is not kept');
    await host.ok(['rm', '-f', 'quiet']);
  });

  it.each(['json-file', 'local'])('%s is the log that there is', async (driver) => {
    await host.ok(['run', '--name', 'kept', '--log-driver', driver, '--log-opt', 'max-size=1m', ...BOTH]);
    expect(await host.ok(['logs', 'kept'])).toBe('out');
    const path = await host.ok(['inspect', '--format', '{{.LogPath}}', 'kept']);
    expect(existsSync(path)).toBe(true);
    await host.ok(['rm', 'kept']);
  });

  it('is refused when nobody here knows it', async () => {
    const { code, stderr } = await host.gantry(['run', '--log-driver', 'splunk', 'busybox']);
    expect(code).toBe(125);
    expect(stderr).toContain('invalid argument "splunk" for --log-driver');
  });
});

describe('--attach', () => {
  it('shows the streams that are named, and no others', async () => {
    const both = async (...flags: string[]) => {
      const { stdout, stderr, code } = await host.gantry(['run', '--rm', ...flags, ...BOTH]);
      return [stdout, stderr, code];
    };
    expect(await both('-a', 'stdout')).toEqual(['out\n', '', 0]);
    expect(await both('-a', 'stderr')).toEqual(['', 'err\n', 0]);
    expect(await both('-a', 'stdout', '--attach', 'STDERR')).toEqual(['out\n', 'err\n', 0]);
  });

  it('of the input alone prints the id', async () => {
    const flags = ['-i', '-a', 'stdin', '--name', 'fed', 'busybox', 'sh', '-c', 'cat >/tmp/x; cat /tmp/x'];
    const { stdout } = await host.gantry(['run', ...flags], { stdin: 'fed\n' });
    expect(stdout.trim()).toBe(await host.ok(['inspect', '--format', '{{.Id}}', 'fed']));
    expect(await host.ok(['logs', 'fed'])).toBe('fed');
    await host.ok(['rm', '-f', 'fed']);
  });
});

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A CLI that goes on while the test does something. */
function spawnCli(argv: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<Ended>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  return { child, ended };
}

async function isRunning(name: string): Promise<boolean> {
  const { stdout } = await host.gantry(['inspect', '--format', '{{.State.Running}}', name]);
  return stdout.trim() === 'true';
}

describe('--sig-proxy=false', () => {
  it('ends the CLI by its signals, and leaves the container alone', async () => {
    const flags = ['--name', 'unmoved', '--init', '--sig-proxy=false', 'busybox', 'sleep', '1000'];
    const { child, ended } = spawnCli(host.command(['run', ...flags]));
    await until('the container to run', () => isRunning('unmoved'));
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: null, signal: 'SIGINT' });
    expect(await isRunning('unmoved')).toBe(true);

    const attached = spawnCli(host.command(['attach', 'unmoved']));
    attached.child.kill('SIGTERM');
    await attached.ended;
    await host.ok(['rm', '-f', 'unmoved']);
  });
});

describe('--detach-keys', () => {
  it('leave the container running, and others reach it', async () => {
    const flags = ['-it', '--name', 'left', '--detach-keys', 'ctrl-a,d', 'busybox', 'cat'];
    const command = host.command(['run', ...flags]).join(' ');
    const { child, ended } = spawnCli(['script', '-qec', command, '/dev/null']);
    let shown = '';
    child.stdout?.on('data', (data: Buffer) => {
      shown += data.toString('latin1');
    });
    await until('the container to run', () => isRunning('left'));
    // Ctrl-P Ctrl-Q is not special any more (the terminal takes Ctrl-Q itself), nor is Ctrl-A without the d after it.
    await until('what is typed to come back', async () => {
      child.stdin?.write('a\x01b\x10\x11\r');
      return shown.includes('a\x01b\x10\r\n');
    });
    child.stdin?.write('\x01d');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(await isRunning('left')).toBe(true);
    await host.ok(['rm', '-f', 'left']);
  });

  it('are refused when they are none', async () => {
    for (const args of [
      ['run', 'busybox'],
      ['attach', 'x'],
      ['exec', 'x', 'true'],
      ['start', 'x'],
    ]) {
      const [verb = '', ...rest] = args;
      const { code, stderr } = await host.gantry([verb, '--detach-keys', 'ctrl-1', ...rest]);
      expect([code, stderr.includes('invalid argument "ctrl-1" for --detach-keys')]).toEqual([125, true]);
    }
  });
});
