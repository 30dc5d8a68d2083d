import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { native, runtimeBinaryPath } from '../../native/addon/native.ts';
import { ShimConnection } from './connection.ts';
import { ShimLauncher } from './launcher.ts';
import { AttachMode, ClientFrame, encodeAttach, encodeFrame } from './protocol.ts';
import type { OutputSink, Shim, ShimOptions } from './shims.ts';

const isRoot = process.getuid?.() === 0;
const SIGTERM = 15;
const SIGKILL = 9;
const MIB = 1024 * 1024;

/** Every OCI runtime that works on this machine: crun refuses hybrid cgroups. The shim must not tell them apart. */
const isHybrid = existsSync('/sys/fs/cgroup/unified');
const runtimes = [runtimeBinaryPath(), '/usr/bin/runc', ...(isHybrid ? [] : ['/usr/bin/crun'])].filter(existsSync);

interface Process {
  readonly args?: readonly string[];
  readonly terminal?: boolean;
  readonly memoryBytes?: number;
}

/** An OCI bundle around the host's busybox. */
function writeBundle(bundle: string, id: string, { args = ['true'], terminal = false, memoryBytes }: Process): void {
  const rootfs = join(bundle, 'rootfs');
  for (const directory of ['bin', 'proc', 'dev', 'tmp']) mkdirSync(join(rootfs, directory), { recursive: true });
  execFileSync('cp', ['/bin/busybox', join(rootfs, 'bin/busybox')]);
  for (const name of ['sh', 'true', 'cat', 'sleep', 'head', 'stty', 'tail', 'yes', 'kill']) {
    execFileSync('ln', ['-sf', 'busybox', join(rootfs, 'bin', name)]);
  }
  writeFileSync(join(rootfs, 'bin/notes.txt'), 'not a program\n', { mode: 0o644 });
  const config = {
    ociVersion: '1.0.2',
    process: {
      terminal,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/bin'],
      cwd: '/',
      noNewPrivileges: true,
      capabilities: { bounding: [], effective: [], permitted: [] },
    },
    root: { path: 'rootfs' },
    hostname: 'test',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
    ],
    linux: {
      namespaces: ['pid', 'mount', 'uts', 'ipc', 'network'].map((type) => ({ type })),
      cgroupsPath: `/gantry-shim-test/${id}`,
      resources:
        memoryBytes === undefined ? {} : { memory: { limit: memoryBytes, swap: memoryBytes, swappiness: undefined } },
    },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
}

/** Keeps what it gets, and wakes up who waits for it. */
class Recorder implements OutputSink {
  out = '';
  err = '';
  ended = false;
  #changed = Promise.withResolvers<void>();

  stdout(data: Uint8Array): void {
    this.out += Buffer.from(data).toString('latin1');
    this.#change();
  }

  stderr(data: Uint8Array): void {
    this.err += Buffer.from(data).toString('latin1');
    this.#change();
  }

  end(): void {
    this.ended = true;
    this.#change();
  }

  async until(condition: (recorder: Recorder) => boolean): Promise<void> {
    while (!condition(this)) await this.#changed.promise;
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** For what nobody tells: asks until it is so; the test's own timeout ends a wait in vain. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

function isAlive(pid: number): boolean {
  try {
    // A zombie is somebody else's to bury: for us it is dead.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe.skipIf(!isRoot).each(runtimes)('shim with %s', { timeout: 20_000 }, (runtime) => {
  let directory: string;
  let launcher: ShimLauncher;
  let count = 0;
  let shims: Shim[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-shim-'));
    launcher = newLauncher();
    shims = [];
  });

  afterEach(async () => {
    for (const shim of shims) {
      shim.signal(SIGKILL);
      await shim.exited;
      shim.close();
    }
    rmSync(directory, { recursive: true });
    for (const hierarchy of ['', 'unified', ...readdirSync('/sys/fs/cgroup')]) {
      execFileSync('sh', ['-c', `rmdir /sys/fs/cgroup/${hierarchy}/gantry-shim-test 2>/dev/null || :`]);
    }
  });

  function newLauncher(): ShimLauncher {
    const runtimeBinary = runtimeBinaryPath();
    return new ShimLauncher({ runtimeBinary, native, logger: pino({ level: 'silent' }) });
  }

  function prepare(process: Process, changes: Partial<ShimOptions> = {}): ShimOptions {
    count++;
    const containerId = `gantry-shim-test-${globalThis.process.pid}-${count}`;
    const bundle = join(directory, `bundle${count}`);
    mkdirSync(bundle);
    writeBundle(bundle, containerId, process);
    return {
      containerId,
      bundle,
      terminal: process.terminal ?? false,
      stateDir: join(directory, `state${count}`),
      logPath: join(directory, `log${count}`),
      logMaxSizeBytes: 10 * MIB,
      logMaxFiles: 3,
      openStdin: false,
      runtime,
      runtimeRoot: join(directory, 'runtime'),
      ...changes,
    };
  }

  async function create(options: ShimOptions): Promise<Shim> {
    const shim = await launcher.create(options);
    shims.push(shim);
    return shim;
  }

  async function run(process: Process, changes: Partial<ShimOptions> = {}) {
    const options = prepare(process, changes);
    const shim = await create(options);
    const output = new Recorder();
    shim.attach(output);
    await shim.start();
    return { options, shim, output };
  }

  function logged(options: ShimOptions): string[] {
    return readFileSync(options.logPath, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /, ''));
  }

  it('runs a command to its end and leaves nothing but the record', async () => {
    const { options, shim } = await run({ args: ['sh', '-c', 'exit 7'] });
    const before = Date.now();
    const record = await shim.exited;
    expect(record).toMatchObject({ code: 7, oomKilled: false });
    expect(Math.abs(record.finishedAtMs - before)).toBeLessThan(5000);
    expect(await launcher.find(options)).toEqual({ kind: 'exited', record });
    expect(existsSync(join(options.stateDir, 'shim.sock'))).toBe(false);
    expect(existsSync(join(options.runtimeRoot, options.containerId))).toBe(false);
  });

  it('delivers and logs both streams, and what ends without a newline', async () => {
    const { options, shim, output } = await run({ args: ['sh', '-c', 'echo one; echo two >&2; printf three'] });
    await shim.exited;
    expect(output).toMatchObject({ out: 'one\nthree', err: 'two\n', ended: true });
    const lines = logged(options);
    expect(lines).toContain('stdout F one');
    expect(lines).toContain('stderr F two');
    expect(lines).toContain('stdout P three');
    expect(lines).toHaveLength(3);
  });

  it('cuts long lines into parts of 16 KiB', async () => {
    const { options, shim } = await run({ args: ['sh', '-c', 'head -c 40000 /dev/zero; echo'] });
    await shim.exited;
    const parts = logged(options).map((line) => [line.slice(7, 8), line.length - 'stdout P '.length]);
    expect(parts).toEqual([
      ['P', 16384],
      ['P', 16384],
      ['F', 40000 - 2 * 16384],
    ]);
  });

  it('keeps the log within its bounds', async () => {
    const { shim, output } = await run(
      { args: ['sh', '-c', 'i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done'] },
      { logMaxSizeBytes: 20_000, logMaxFiles: 3 },
    );
    await shim.exited;
    expect(output.out.split('\n')).toHaveLength(3001);
    const files = readdirSync(directory).filter((name) => name.startsWith(`log${count}`));
    expect(files.toSorted((a, b) => a.localeCompare(b))).toEqual([`log${count}`, `log${count}.1`, `log${count}.2`]);
    const [newest, middle, oldest] = files.map((name) => readFileSync(join(directory, name), 'utf8'));
    expect(Math.max(...[newest, middle, oldest].map((text) => text?.length ?? 0))).toBeLessThanOrEqual(20_000);
    const numbers = [...`${oldest}${middle}${newest}`.matchAll(/stdout F line (\d+)\n/g)].map(([, n]) => Number(n));
    expect(numbers.at(-1)).toBe(2999);
    expect(numbers).toEqual(Array.from(numbers, (_, i) => 3000 - numbers.length + i));
  });

  it('keeps the process waiting for room in the log where it is told to', async () => {
    // More than the pipe holds.
    const script = `i=0; while [ $i -lt 3000 ]; do echo line $i ${'x'.repeat(200)}; i=$((i+1)); done`;
    const changes = { logMaxSizeBytes: 20_000, logMaxFiles: 2, logWaits: true };
    const { options, shim } = await run({ args: ['sh', '-c', script] }, changes);
    let isDone = false;
    void shim.exited.then(() => {
      isDone = true;
    });
    const numbers: number[] = [];
    const take = (path: string) => {
      const lines = readFileSync(path, 'utf8').matchAll(/stdout F line (\d+) x+\n/g);
      numbers.push(...[...lines].map(([, number]) => Number(number)));
    };
    const oldest = `${options.logPath}.1`;
    await eventually(() => existsSync(oldest));
    expect(isDone).toBe(false);
    await eventually(() => {
      if (!isDone && existsSync(oldest)) {
        take(oldest);
        rmSync(oldest);
      }
      return isDone;
    });
    if (existsSync(oldest)) take(oldest);
    take(options.logPath);
    expect(numbers).toEqual(Array.from({ length: 3000 }, (_, at) => at));
  });

  it('passes standard input on, at the pace of the process', async () => {
    const { shim, output } = await run({ args: ['cat'] }, { openStdin: true });
    const block = Buffer.alloc(300_000, 'abcdefghij');
    await Promise.all([shim.writeStdin(block), shim.writeStdin(Buffer.from('last\n'))]);
    shim.closeStdin();
    expect((await shim.exited).code).toBe(0);
    expect(output.out).toBe(`${block.toString()}last\n`);
  });

  it('still signals a process that does not read its input', async () => {
    const { shim } = await run({ args: ['sleep', '1000'] }, { openStdin: true });
    const writing = shim.writeStdin(Buffer.alloc(1_000_000));
    shim.signal(SIGKILL);
    expect((await shim.exited).code).toBe(137);
    await writing;
  });

  it('gives end of file at once to a process without input', async () => {
    const { shim, output } = await run({ args: ['sh', '-c', 'cat; echo end'] });
    await shim.exited;
    expect(output.out).toBe('end\n');
  });

  it('gives a terminal of the wanted size', async () => {
    const options = prepare({ args: ['sh', '-c', 'stty size; cat; stty size'], terminal: true }, { openStdin: true });
    const shim = await create(options);
    const output = new Recorder();
    shim.attach(output);
    shim.resize(40, 100);
    await shim.start();
    await output.until(({ out }) => out.includes('40 100'));
    shim.resize(41, 101);
    await shim.writeStdin(Buffer.from('hello\n'));
    await output.until(({ out }) => out.includes('hello\r\nhello'));
    shim.closeStdin();
    expect((await shim.exited).code).toBe(0);
    expect(output.out).toContain('41 101');
    expect(logged(options).every((line) => line.startsWith('stdout '))).toBe(true);
  });

  it('delivers signals and reports the one that killed', async () => {
    const trap = await run({
      args: ['sh', '-c', 'trap "echo term; exit 3" TERM; echo up; while :; do sleep 0.01; done'],
    });
    await trap.output.until(({ out }) => out.includes('up'));
    trap.shim.signal(SIGTERM);
    expect((await trap.shim.exited).code).toBe(3);
    const killed = await run({ args: ['sleep', '1000'] });
    killed.shim.signal(SIGKILL);
    expect((await killed.shim.exited).code).toBe(137);
  });

  it.each([
    { args: ['missing'], code: 'COMMAND_NOT_FOUND' },
    { args: ['/bin/missing'], code: 'COMMAND_NOT_FOUND' },
    { args: ['/bin/notes.txt'], code: 'COMMAND_NOT_RUNNABLE' },
  ])('reports $code for $args and leaves nothing', async ({ args, code }) => {
    const options = prepare({ args });
    await expect(launcher.create(options)).rejects.toMatchObject({ name: 'GantryError', code });
    expect(existsSync(options.stateDir)).toBe(false);
    expect(existsSync(join(options.runtimeRoot, options.containerId))).toBe(false);
  });

  it('reports what is wrong with the host', async () => {
    const options = prepare({}, { runtime: '/bin/no-such-runtime' });
    await expect(launcher.create(options)).rejects.toMatchObject({
      code: 'HOST',
      message: expect.stringContaining('/bin/no-such-runtime'),
    });
    const unwritable = prepare({}, { logPath: '/proc/none/log' });
    await expect(launcher.create(unwritable)).rejects.toMatchObject({
      code: 'HOST',
      message: expect.stringContaining('/proc/none/log'),
    });
  });

  it('tells a container that ran out of memory from one that was killed', async () => {
    const eater = { args: ['sh', '-c', 'exec tail -c 100m /dev/zero'], memoryBytes: 16 * MIB };
    const { shim } = await run(eater);
    expect(await shim.exited).toMatchObject({ code: 137, oomKilled: true });
  });

  it('lets a container go on while no agent is there, and is found again', async () => {
    const { options, shim } = await run({ args: ['sh', '-c', 'while :; do echo tick; sleep 0.01; done'] });
    shim.close();
    shims = [];
    const found = await newLauncher().find(options);
    if (found.kind !== 'alive') throw new Error(`found ${found.kind}`);
    shims.push(found.shim);
    expect(found.shim.pid).toBe(shim.pid);
    const output = new Recorder();
    found.shim.attach(output);
    await output.until(({ out }) => out.includes('tick'));
    await found.shim.start();
    found.shim.signal(SIGKILL);
    expect((await found.shim.exited).code).toBe(137);
  });

  it('survives kill -9 of the agent', async () => {
    const options = prepare({ args: ['sh', '-c', 'while :; do echo tick; sleep 0.01; done'] });
    const agent = startAgent(options);
    const [line] = (await once(agent.stdout ?? process.stdin, 'data')) as [Buffer];
    const pid = Number(line.toString());
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    const found = await launcher.find(options);
    if (found.kind !== 'alive') throw new Error(`found ${found.kind}`);
    shims.push(found.shim);
    expect(found.shim.pid).toBe(pid);
    const before = readFileSync(options.logPath).length;
    await eventually(() => readFileSync(options.logPath).length > before);
  });

  /** Another process that creates and starts the container, attaches, prints the pid, and stays. */
  function startAgent(options: ShimOptions): ChildProcess {
    const script = `
      import pino from 'pino';
      import { native, runtimeBinaryPath } from '${join(import.meta.dirname, '../../native/addon/native.ts')}';
      import { ShimLauncher } from '${join(import.meta.dirname, 'launcher.ts')}';
      const runtimeBinary = runtimeBinaryPath();
      const launcher = new ShimLauncher({ runtimeBinary, native, logger: pino({ level: 'silent' }) });
      const shim = await launcher.create(${JSON.stringify(options)});
      shim.attach({ stdout() { return new Promise(() => {}); }, stderr() {} });
      await shim.start();
      console.log(shim.pid);
      setInterval(() => {}, 1000);`;
    return spawn(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: join(import.meta.dirname, '../..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  it('deletes what is left of a container whose shim was killed', async () => {
    const { options, shim } = await run({ args: ['sleep', '1000'] });
    process.kill(Number(readFileSync(join(options.stateDir, 'shim.lock'), 'utf8')), 'SIGKILL');
    expect((await shim.exited).code).toBe(137);
    await eventually(() => !isAlive(shim.pid));
    expect(await launcher.find(options)).toEqual({ kind: 'lost' });
    expect(existsSync(join(options.runtimeRoot, options.containerId))).toBe(false);
    shims = [];
  });

  it('loses nothing to a slow receiver, and holds nobody up for one that has left', async () => {
    const bytes = 3_000_000;
    const options = prepare({ args: ['sh', '-c', `head -c ${bytes} /dev/zero; echo done >&2`] });
    const shim = await create(options);
    let received = 0;
    const gate = Promise.withResolvers<void>();
    const slow: OutputSink = {
      stdout: async (data) => {
        received += data.length;
        await gate.promise;
      },
      stderr: () => undefined,
    };
    const leave = shim.attach({ stdout: () => new Promise(() => undefined), stderr: () => undefined });
    const all = new Recorder();
    shim.attach(slow);
    shim.attach(all);
    await shim.start();
    await eventually(() => received > 0);
    expect(isAlive(shim.pid)).toBe(true);
    leave();
    gate.resolve();
    await shim.exited;
    await all.until(({ ended }) => ended);
    expect(received).toBe(bytes);
    expect(all.err).toBe('done\n');
  });

  it('runs a container again at once, also while a receiver of the first run is stuck', async () => {
    const options = prepare({ args: ['sh', '-c', 'head -c 500000 /dev/zero; exit 4'] });
    const stuck = Promise.withResolvers<void>();
    for (let i = 0; i < 3; i++) {
      const shim = await launcher.create(options);
      shim.attach({ stdout: () => (i === 0 ? stuck.promise : undefined), stderr: () => undefined });
      await shim.start();
      if (i === 0) shim.signal(SIGKILL);
      expect((await shim.exited).code).toBe(i === 0 ? 137 : 4);
    }
    stuck.resolve();
  });

  it('tells of the end in time though a receiver is stuck', async () => {
    const { shim } = await run({ args: ['sh', '-c', 'echo x; exec sleep 1000'] });
    const stuck = Promise.withResolvers<void>();
    shim.attach({ stdout: () => stuck.promise, stderr: () => stuck.promise });
    shim.signal(SIGKILL);
    expect((await shim.exited).code).toBe(137);
    stuck.resolve();
  });

  it('lets no client that only looks on hold up the container', async () => {
    const options = prepare({ args: ['sh', '-c', 'head -c 5000000 /dev/zero'] });
    const shim = await create(options);
    const idle = await ShimConnection.open(options.stateDir);
    idle.send(encodeAttach(AttachMode.LOSSY));
    await shim.start();
    expect((await shim.exited).code).toBe(0);
    idle.close();
  });

  it('disconnects who does not keep to the protocol, and nobody else', async () => {
    const { options, shim } = await run({ args: ['cat'] }, { openStdin: true });
    const malformed = [
      encodeFrame(ClientFrame.ATTACH),
      encodeFrame(ClientFrame.RESIZE, Buffer.alloc(3)),
      encodeFrame(ClientFrame.STDIN),
      Buffer.of(1, 0, 0, 0, 99, 0),
      Buffer.of(255, 255, 255, 255, 3),
    ];
    for (const frame of malformed) {
      const client = await ShimConnection.open(options.stateDir);
      client.send(frame);
      await client.run(() => undefined);
    }
    shim.closeStdin();
    expect((await shim.exited).code).toBe(0);
  });

  it('takes no notice of signals but the one that cannot be blocked', async () => {
    const { options, shim, output } = await run({ args: ['cat'] }, { openStdin: true });
    const pid = Number(readFileSync(join(options.stateDir, 'shim.lock'), 'utf8'));
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGPIPE'] as const) process.kill(pid, signal);
    await shim.writeStdin(Buffer.from('still here'));
    await output.until(({ out }) => out === 'still here');
    shim.closeStdin();
    await shim.exited;
  });

  it('refuses to start what has ended, and starts only once', async () => {
    const { shim } = await run({ args: ['sleep', '1000'] });
    await Promise.all([shim.start(), shim.start()]);
    shim.signal(SIGKILL);
    await shim.exited;
    const unstarted = await create(prepare({}));
    unstarted.signal(SIGKILL);
    await unstarted.exited;
    await expect(unstarted.start()).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  it('works where paths are longer than a socket address', async () => {
    const { shim, output } = await run(
      { args: ['sh', '-c', 'echo long'], terminal: true },
      { stateDir: join(directory, 'd'.repeat(150)) },
    );
    expect((await shim.exited).code).toBe(0);
    expect(output.out).toBe('long\r\n');
  });

  it('keeps running when the log cannot be written', async () => {
    const { shim, output } = await run(
      { args: ['sh', '-c', 'echo one; echo two'] },
      { logPath: '/dev/full', logMaxSizeBytes: MIB, logMaxFiles: 1 },
    );
    expect((await shim.exited).code).toBe(0);
    expect(output.out).toBe('one\ntwo\n');
  });
});
