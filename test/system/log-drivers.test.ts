/** Logs that are sent to receivers elsewhere, which may be away, by hosts that may crash. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HOST_ADDRESS, Host, NEIGHBOUR_ADDRESS } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

const PATIENCE_MS = 60_000;
const PORT = 5514;

let host: Host;
let receiver: Receiver | undefined;

beforeAll(async () => {
  host = await Host.create('logs');
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
});

afterEach(async () => {
  await host.gantry(['rm', '-f', 'writer']);
  await receiver?.stop();
  receiver = undefined;
});

afterAll(async () => {
  await host.destroy();
});

const SERVERS = {
  tcp: `require('node:net').createServer((s) => s.on('error', () => {}).pipe(process.stdout, {end: false})).listen(${PORT}, () => process.stderr.write('ready'))`,
  udp: `const s = require('node:dgram').createSocket('udp4').on('message', (m) => process.stdout.write(m)); s.bind(${PORT}, () => process.stderr.write('ready'))`,
};

/** A server on the neighbour, and all that it has got. */
class Receiver {
  readonly #process: ChildProcess;
  received: string = '';

  private constructor(child: ChildProcess) {
    this.#process = child;
    child.stdout?.on('data', (data: Buffer) => {
      this.received += data.toString();
    });
  }

  static async start(kind: keyof typeof SERVERS): Promise<Receiver> {
    const [program = '', ...args] = host.outside([process.execPath, '-e', SERVERS[kind]]);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const started = new Receiver(child);
    let isReady = false;
    child.stderr?.once('data', () => {
      isReady = true;
    });
    await until('the receiver to listen', () => isReady, PATIENCE_MS);
    return started;
  }

  /** The number in each line of `text`, in the order in which they came. */
  numbers(text: string): number[] {
    return [...this.received.matchAll(new RegExp(`${text} (\\d+)\\n`, 'g'))].map(([, number]) => Number(number));
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((done) => this.#process.once('exit', done));
    this.#process.kill('SIGKILL');
    await ended;
  }
}

const ADDRESS = ['--log-opt', `syslog-address=tcp://${NEIGHBOUR_ADDRESS}:${PORT}`];

function run(script: string, ...options: string[]): Promise<string> {
  return host.ok(['run', '-d', '--init', '--name', 'writer', ...options, 'busybox', 'sh', '-c', script]);
}

function count(numbers: readonly number[]): number {
  return new Set(numbers).size;
}

describe('syslog', () => {
  it('gets what a container writes, which stays readable, with the names that are asked for', async () => {
    receiver = await Receiver.start('udp');
    const { received } = receiver;
    expect(received).toBe('');
    const options = ['syslog-format=rfc5424', 'syslog-facility=local3', 'tag={{.Name}}/{{.ImageName}}'];
    const flags = options.flatMap((option) => ['--log-opt', option]);
    const udp = ['--log-opt', `syslog-address=udp://${NEIGHBOUR_ADDRESS}:${PORT}`];
    await run('echo to-out; echo to-err >&2; exec sleep 1000', '--log-driver', 'syslog', ...udp, ...flags);
    const all = () => /to-out[\s\S]*to-err|to-err[\s\S]*to-out/.test(receiver?.received ?? '');
    await until('both lines', all, PATIENCE_MS);
    expect(receiver.received).toMatch(/<158>1 \S+Z \S+ writer\/busybox\S* \d+ writer\/busybox\S* - to-out\n/);
    expect(receiver.received).toMatch(/<155>1 .* - to-err\n/);
    expect(await host.ok(['logs', 'writer'])).toContain('to-out');
    const shown = await host.ok(['inspect', '--format', '{{.HostConfig.LogConfig.Type}}', 'writer']);
    expect(shown).toBe('syslog');
  });

  it('loses nothing when gantryd is killed and the receiver is away for a while', async () => {
    receiver = await Receiver.start('tcp');
    const script = 'i=0; while [ $i -lt 2000 ]; do echo number $i; i=$((i+1)); usleep 2000; done';
    await run(`${script}; exec sleep 1000`, '--log-driver', 'syslog', ...ADDRESS);
    await until('some lines', () => count(receiver?.numbers('number') ?? []) > 200, PATIENCE_MS);
    await host.kill();
    const before = receiver.numbers('number');
    await receiver.stop();
    await host.start();
    receiver = await Receiver.start('tcp');
    const all = () => count([...before, ...(receiver?.numbers('number') ?? [])]) === 2000;
    await until('all lines', all, PATIENCE_MS);
    const after = receiver.numbers('number');
    // In their order, from where it was left.
    expect(after).toEqual(Array.from(after, (_, at) => (after[0] ?? 0) + at));
    expect(after[0]).toBeGreaterThan(0);
    expect((await host.ok(['logs', 'writer'])).split('\n')).toHaveLength(2000);
  });

  const MUCH = 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; touch /done; exec sleep 1000';
  const SMALL = ['--log-opt', 'cache-max-size=50k', '--log-opt', 'cache-max-file=3'];
  const isDone = async () => (await host.gantry(['exec', 'writer', 'test', '-e', '/done'])).code === 0;

  it('that is away keeps no container waiting', async () => {
    await run(MUCH, '--log-driver', 'syslog', ...ADDRESS, ...SMALL);
    await until('all to be written', isDone, PATIENCE_MS);
    receiver = await Receiver.start('tcp');
    await until('the last line', () => receiver?.numbers('line').at(-1) === 19_999, PATIENCE_MS);
  });

  it('keeps a container waiting whose log blocks, and gets all of it', async () => {
    await run(MUCH, '--log-driver', 'syslog', ...ADDRESS, ...SMALL, '--log-opt', 'mode=blocking');
    const size = async () => (await host.ok(['logs', 'writer'])).length;
    let last = -1;
    await until(
      'the log to be full',
      async () => {
        const now = await size();
        const isFull = now === last && now > 20_000;
        last = now;
        return isFull;
      },
      PATIENCE_MS,
    );
    expect(await isDone()).toBe(false);
    receiver = await Receiver.start('tcp');
    await until('all lines', () => count(receiver?.numbers('line') ?? []) === 20_000, PATIENCE_MS);
    await until('all to be written', isDone, PATIENCE_MS);
  });

  it('gets the last words of containers that are gone', async () => {
    receiver = await Receiver.start('tcp');
    const flags = ['--log-driver', 'syslog', ...ADDRESS];
    await host.ok(['run', '--rm', ...flags, 'busybox', 'sh', '-c', 'echo first; echo last words']);
    await until('them', () => receiver?.received.includes('last words'), PATIENCE_MS);
  });
});

it('a stack says where the logs of its services are sent', async () => {
  receiver = await Receiver.start('tcp');
  const directory = mkdtempSync(join(tmpdir(), 'gantry-logs-'));
  const file = `services:
  web:
    image: busybox
    command: sh -c 'echo hello from a task; exec sleep 1000'
    init: true
    stop_grace_period: 1s
    labels: {team: blue}
    logging:
      driver: gelf
      options: {gelf-address: "tcp://${NEIGHBOUR_ADDRESS}:${PORT}", labels: team}
`;
  try {
    writeFileSync(join(directory, 'stack.yml'), file);
    await host.ok(['stack', 'deploy', '-c', join(directory, 'stack.yml'), 's']);
    await until('the line', () => receiver?.received.includes('hello from a task'), PATIENCE_MS);
    const [message = ''] = receiver.received.split('\0');
    expect(JSON.parse(message)).toMatchObject({ short_message: 'hello from a task', level: 6, _team: 'blue' });
    expect(await host.ok(['service', 'logs', '--raw', 's_web'])).toContain('hello from a task');
  } finally {
    await host.gantry(['stack', 'rm', 's']);
    rmSync(directory, { recursive: true });
  }
});
