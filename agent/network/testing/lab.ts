/** A host and a neighbour of it, each a network namespace, and a gantryd's networks on the host. For tests. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { NetworkEngine } from '../engine.ts';
import type { Sandbox, SandboxRequest } from '../networks.ts';
import type { DriverOptions, DriverResult } from './driver.ts';

const run = promisify(execFile);

export const HOST_ADDRESS = '198.51.100.1';
export const NEIGHBOUR_ADDRESS = '198.51.100.2';
export const HOST_ADDRESS6 = '2001:db8::1';
export const NEIGHBOUR_ADDRESS6 = '2001:db8::2';

type Method = Exclude<keyof NetworkEngine, symbol>;
type Result<M extends Method> = Awaited<ReturnType<NetworkEngine[M]>>;

/** The engine in a process that can be killed; see driver.ts. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #calls = 0;
  /** Of the last call that returned. */
  milliseconds = 0;

  constructor(netnsPath: string, options: DriverOptions) {
    const driver = join(import.meta.dirname, 'driver.ts');
    const argv = [`--net=${netnsPath}`, process.execPath, driver, JSON.stringify(options)];
    this.#child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('the driver has no standard output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#settle(JSON.parse(line) as DriverResult));
    this.#child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the driver has ended'));
    });
  }

  call<M extends Method>(method: M, ...parameters: Parameters<NetworkEngine[M]>): Promise<Result<M>> {
    const id = this.#calls++;
    const result = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdin?.write(`${JSON.stringify({ id, method, parameters })}\n`);
    return result as Promise<Result<M>>;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  #settle(result: DriverResult): void {
    const waiting = this.#waiting.get(result.id);
    this.#waiting.delete(result.id);
    if ('error' in result) {
      waiting?.reject(Object.assign(new Error(result.error.message), { code: result.error.code }));
      return;
    }
    this.milliseconds = result.milliseconds;
    waiting?.resolve(result.result);
  }
}

export class Lab {
  /** Data and exec root of the engine, once the lab has been started. */
  directory = '';
  readonly #prefix = `gtlab${process.pid}`;
  readonly #children: ChildProcess[] = [];
  #engine: EngineProcess | undefined;

  get engine(): EngineProcess {
    if (this.#engine === undefined) throw new Error('no engine has been started');
    return this.#engine;
  }

  hostPath(): string {
    return `/run/netns/${this.#prefix}h`;
  }

  neighbourPath(): string {
    return `/run/netns/${this.#prefix}n`;
  }

  async start(): Promise<void> {
    this.directory = mkdtempSync(join(tmpdir(), 'gantry-network-'));
    const [host, neighbour] = [`${this.#prefix}h`, `${this.#prefix}n`];
    for (const name of [host, neighbour]) {
      await run('ip', ['netns', 'add', name]);
      await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    }
    await run('ip', ['-n', host, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', neighbour]);
    for (const [name, address, address6] of [
      [host, HOST_ADDRESS, HOST_ADDRESS6],
      [neighbour, NEIGHBOUR_ADDRESS, NEIGHBOUR_ADDRESS6],
    ] as const) {
      await run('ip', ['-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
      await run('ip', ['-n', name, 'address', 'add', `${address6}/64`, 'dev', 'eth0', 'nodad']);
      await run('ip', ['-n', name, 'link', 'set', 'eth0', 'up']);
    }
  }

  /** Everything in the host's kernel that the engine could leave behind. */
  async kernelState(): Promise<string> {
    const host = this.hostPath();
    const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').filter((line) => line.includes(this.directory));
    return [
      withoutCarrier(await this.run(host, 'ip', '-o', 'link')),
      await this.run(host, 'ip', '-o', '-4', 'address'),
      withoutCarrier(await this.run(host, 'ip', '-4', 'route', 'show', 'table', 'all')),
      await this.run(host, 'nft', 'list', 'ruleset'),
      await this.run(host, 'cat', '/proc/sys/net/ipv4/ip_forward'),
      await this.run(host, 'ip', '-o', '-6', 'address', 'show', 'scope', 'global'),
      await this.run(host, 'sysctl', 'net.ipv6.conf.all.forwarding', 'net.ipv6.conf.eth0.accept_ra'),
      ...mounts,
    ].join('\n');
  }

  async startUpstream(): Promise<void> {
    await this.#startNode(this.neighbourPath(), [join(import.meta.dirname, 'upstream-dns.ts')]);
  }

  /** A new engine on the same directories; the one before is killed. */
  async startEngine(live: readonly string[], upstream: readonly string[] = [NEIGHBOUR_ADDRESS]): Promise<void> {
    await this.#engine?.kill();
    const options = {
      dataDir: join(this.directory, 'data'),
      execDir: join(this.directory, 'exec'),
      instance: 'lab',
      upstream,
    };
    this.#engine = new EngineProcess(this.hostPath(), options);
    await this.#engine.call('recover', live);
  }

  /** Runs a program in a network namespace; its standard output. */
  async run(netnsPath: string, ...argv: readonly string[]): Promise<string> {
    const { stdout } = await run('nsenter', [`--net=${netnsPath}`, ...argv], { timeout: 15_000 });
    return stdout;
  }

  /** Starts a program in a network namespace; ends with the lab. */
  spawn(netnsPath: string, ...argv: readonly string[]): ChildProcess {
    const child = spawn('nsenter', [`--net=${netnsPath}`, ...argv], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    return child;
  }

  /** A TCP server that answers each connection with one line: its text and the client's address. */
  async serve({ netnsPath }: Pick<Sandbox, 'netnsPath'>, port: number, text: string, at = '0.0.0.0'): Promise<void> {
    const answer = `(s) => s.on('error', () => {}).end('${text} ' + s.remoteAddress + '\\n')`;
    const source = `net.createServer(${answer}).listen(${port}, '${at}', () => console.log('listening'))`;
    await this.#startNode(netnsPath, ['-e', source]);
  }

  /** The same over UDP. */
  async serveUdp(netnsPath: string, port: number, text: string, at = '0.0.0.0'): Promise<void> {
    const answer = `(_, r) => s.send('${text} ' + r.address + '\\n', r.port, r.address)`;
    const source = `const s = dgram.createSocket('udp${isIP(at)}').on('message', ${answer}).bind(${port}, '${at}', () => console.log('listening'))`;
    await this.#startNode(netnsPath, ['-e', source]);
  }

  /** A client that sends from one port all the time; `ask` is the answer to what it sends next. */
  async udpClient(netnsPath: string, address: string, port: number): Promise<{ ask(): Promise<string> }> {
    const source = `const s = dgram.createSocket('udp${isIP(address)}').on('message', (m) => process.stdout.write(m));
      s.bind(0, () => { console.log('ready'); process.stdin.on('data', () => s.send('?', ${port}, '${address}')) })`;
    const client = await this.#startNode(netnsPath, ['-e', source]);
    // The first goes to nobody, so that the flow is known before the port is published.
    client.stdin?.write('?\n');
    return { ask: () => exchange(client, '?') };
  }

  /** A connection from another namespace to an echo server in the container, for as long as the lab lasts. */
  async echo(sandbox: Sandbox, port: number, from: string): Promise<{ ask(line: string): Promise<string> }> {
    await this.serveEcho(sandbox, port);
    const published = sandbox.ports.find(({ targetPort }) => targetPort === port)?.publishedPort ?? 0;
    return this.connect(from, HOST_ADDRESS, published);
  }

  async serveEcho({ netnsPath }: Pick<Sandbox, 'netnsPath'>, port: number, at = '0.0.0.0'): Promise<void> {
    const server = `net.createServer((s) => s.pipe(s)).listen(${port}, '${at}', () => console.log('listening'))`;
    await this.#startNode(netnsPath, ['-e', server]);
  }

  /** A connection to an echo server, for as long as the lab lasts. */
  async connect(from: string, address: string, port: number): Promise<{ ask(line: string): Promise<string> }> {
    const client = `const s = net.connect(${port}, '${address}', () => { console.log('connected'); process.stdin.pipe(s).pipe(process.stdout) })`;
    const child = await this.#startNode(from, ['-e', client]);
    return { ask: (line) => exchange(child, line) };
  }

  /** Started when it has written something. */
  async #startNode(netnsPath: string, argv: readonly string[]): Promise<ChildProcess> {
    const child = this.spawn(netnsPath, process.execPath, ...argv);
    if (child.stdout !== null) await once(child.stdout, 'data');
    return child;
  }

  async ping(sandbox: Sandbox, name: string): Promise<string> {
    const address = await this.run(sandbox.netnsPath, 'busybox', 'nslookup', name, '127.0.0.11');
    const found = /Name:\s+\S+\nAddress: (\S+)/.exec(address)?.[1] ?? '';
    return this.run(sandbox.netnsPath, 'busybox', 'ping', '-c', '1', '-W', '3', found);
  }

  /** What the TCP server at the address says. */
  async ask(netnsPath: string, address: string, port: number): Promise<string> {
    return (await this.run(netnsPath, 'busybox', 'nc', '-w', '3', address, String(port))).trim();
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    await this.#engine?.call('shutdown').catch((error: unknown) => console.error(error));
    await this.#engine?.kill();
    for (const path of [this.hostPath(), this.neighbourPath()]) {
      if (existsSync(path)) await run('ip', ['netns', 'delete', path.slice('/run/netns/'.length)]);
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A request with nothing in it but what is given. */
export function sandboxRequest(containerId: string, request: Partial<SandboxRequest> = {}): SandboxRequest {
  return {
    containerId,
    names: [containerId],
    hostname: containerId,
    domainname: '',
    networks: [{ target: 'bridge', aliases: [] }],
    ports: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    ...request,
  };
}

/** Writes a line to the process and returns the one that it writes next. */
async function exchange(child: ChildProcess, line: string): Promise<string> {
  if (child.stdout === null) throw new Error('the process has no standard output');
  const answer = once(child.stdout, 'data', { signal: AbortSignal.timeout(5_000) });
  child.stdin?.write(`${line}\n`);
  return String((await answer)[0]).trim();
}

/** The kernel takes up to a second to notice that nobody is at a bridge any more, which is nobody's leftover. */
function withoutCarrier(text: string): string {
  return text.replaceAll(/NO-CARRIER,|,LOWER_UP| linkdown| state (?:UP|DOWN|UNKNOWN)/g, '');
}
