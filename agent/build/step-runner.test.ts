import { randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { native, runtimeBinaryPath } from '../../native/addon/native.ts';
import { readHostFacts } from '../container/spec/host-facts.ts';
import { hasBusybox, isRoot } from '../image/testing/fixtures.ts';
import { Lab } from '../network/testing/lab.ts';
import { ShimLauncher } from '../shim/launcher.ts';
import { ContainerStepRunner, type Step } from './step-runner.ts';
import { makeBusyboxRoot } from './testing/busybox-root.ts';

const NEVER = new AbortController().signal;
const PLAIN: Pick<Step, 'network' | 'extraHosts' | 'limits' | 'mounts' | 'files'> = {
  limits: { sharedMemoryBytes: 0, ulimits: [] },
  network: 'default',
  extraHosts: [],
  mounts: [],
  files: [],
};

describe.runIf(isRoot && hasBusybox && existsSync(runtimeBinaryPath()))('RUN steps', () => {
  const lab = new Lab();
  let dir: string;
  let rootfs: string;

  beforeAll(async () => {
    await lab.start();
    await lab.startEngine([]);
  });
  afterAll(() => lab.stop());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-step-'));
    rootfs = join(dir, 'rootfs');
    makeBusyboxRoot(rootfs);
  });
  afterEach(() => {
    expect(readdirSync(join(dir, 'build'))).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(dir);
    rmSync(dir, { recursive: true, force: true });
  });

  function makeRunner(): ContainerStepRunner {
    const logger = pino({ level: 'silent' });
    const runtime = runtimeBinaryPath();
    return new ContainerStepRunner({
      execRoot: dir,
      runtime,
      runtimeRoot: join(dir, 'runtime'),
      shims: new ShimLauncher({ runtimeBinary: runtime, native, logger }),
      networks: {
        setup: (request) => lab.engine.call('setup', request),
        teardown: (id) => lab.engine.call('teardown', id),
      },
      host: readHostFacts(),
      random: randomBytes,
      logger,
    });
  }

  async function run(script: string, more: Partial<Step> = {}, signal = NEVER, onOutput = (_: string): void => {}) {
    let output = '';
    const step: Step = {
      rootfs,
      argv: ['/bin/sh', '-c', script],
      env: ['PATH=/bin', 'A=b'],
      user: '',
      cwd: '/',
      ...PLAIN,
      ...more,
    };
    const code = await makeRunner().run(
      step,
      (data) => {
        output += Buffer.from(data).toString();
        onOutput(output);
      },
      signal,
    );
    return { code, output };
  }

  it('runs in the root file system with its environment, user and directory, and tells the exit code', async () => {
    expect(await run('echo $A $(pwd) $(id -u); echo made > /made; exit 7', { cwd: '/new/dir' })).toEqual({
      code: 7,
      output: 'b /new/dir 0\n',
    });
    expect(readFileSync(join(rootfs, 'made'), 'utf8')).toBe('made\n');
    expect((await run('id -u; id -g', { user: 'www' })).output).toBe('33\n33\n');
  });

  it('is isolated as containers are, and has the default network', async () => {
    const { output } = await run('ps | grep -c "[0-9] " ; mount -t tmpfs none /tmp 2>&1; ip -o -4 addr show eth0');
    expect(output).toMatch(/permission denied|not permitted/i);
    expect(output).toMatch(/inet \d+\.\d+\.\d+\.\d+\/16|inet \d+\.\d+/);
  });

  it('leaves nothing behind but what the command has written', async () => {
    await run('true');
    const before = readdirSync(rootfs).sort();
    // The default network's bridge stays once somebody has used it.
    const kernelBefore = await lab.kernelState();
    await run('true');
    expect(readdirSync(rootfs).sort()).toEqual(before);
    expect(readdirSync(join(rootfs, 'etc')).sort()).toEqual(['group', 'passwd']);
    expect(await lab.kernelState()).toBe(kernelBefore);
  });

  it('is not led to the host by what the command does with its mount points', async () => {
    const victim = join(dir, 'hosts');
    writeFileSync(victim, '');
    await run(`rm -rf /etc; ln -s ${dir} /etc`).catch(() => undefined);
    expect(existsSync(victim)).toBe(true);
    rmSync(join(rootfs, 'etc'), { recursive: true, force: true });
    symlinkSync(dir, join(rootfs, 'etc'));
    await run('true').catch(() => undefined);
    expect(lstatSync(victim).size).toBe(0);
  });

  it('has mounts and files that are gone afterwards', async () => {
    const kept = join(dir, 'kept');
    mkdirSync(kept);
    const keptMount = { kind: 'bind', source: kept, target: '/kept', readOnly: false, propagation: '' } as const;
    const { output } = await run(
      'cat /run/secrets/key; ls -l /run/secrets/key; grep " /scratch " /proc/mounts; id -u',
      {
        user: 'www',
        mounts: [{ kind: 'tmpfs', target: '/scratch', readOnly: false, sizeBytes: 4096, mode: 0, executable: true }],
        files: [{ target: '/run/secrets/key', content: Buffer.from('top\n'), uid: 33, gid: 33, mode: 0o400 }],
      },
    );
    expect(output).toMatch(/^top\n-r-------- +1 www +www /);
    expect(output).toMatch(/tmpfs \/scratch tmpfs rw,nosuid,nodev,relatime,size=4k/);
    expect((await run('echo y > /kept/file', { mounts: [keptMount] })).code).toBe(0);
    expect(readFileSync(join(kept, 'file'), 'utf8')).toBe('y\n');
    expect((await run('rm /kept/file', { mounts: [{ ...keptMount, readOnly: true }] })).code).toBe(1);
    expect(readdirSync(rootfs).sort()).toEqual(['bin', 'dev', 'etc', 'tmp']);
  });

  it('has the network that it asks for', async () => {
    expect((await run('ip -o link', { network: 'none' })).output).not.toContain('eth0');
    const { output } = await run('ip -o link; cat /etc/hosts', { network: 'host', extraHosts: ['far:10.9.8.7'] });
    expect(output).toContain('10.9.8.7\tfar');
    expect(output).not.toContain('eth0@');
  });

  it('says when the command is not there', async () => {
    await expect(run('', { argv: ['/no/such'] })).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' });
    await expect(run('true', { user: 'nobody' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('kills the command when it is cancelled', async () => {
    const controller = new AbortController();
    const running = run('echo ready; sleep 1000', {}, controller.signal, () => controller.abort());
    await expect(running).rejects.toThrow();
  });

  it('clears what a crash has left', async () => {
    const abandoned = makeRunner();
    const ready = Promise.withResolvers<void>();
    const step: Step = {
      rootfs,
      argv: ['/bin/sh', '-c', 'echo ready; sleep 1000'],
      env: ['PATH=/bin'],
      user: '',
      cwd: '/',
      ...PLAIN,
    };
    // As after a crash, another runner finds the step; that this one then learns of its end is of no account.
    const running = abandoned.run(step, () => ready.resolve(), NEVER).catch(() => 137);
    await ready.promise;
    await makeRunner().recover();
    expect(await running).toBe(137);
  });
});
