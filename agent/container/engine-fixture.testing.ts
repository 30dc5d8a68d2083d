/** A container engine whose neighbours are in memory: they hold what the kernel and the disk would, and outlive it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import { ContainerConfig, ImageConfig, LocalNetwork } from '../../proto/generated/gantry/v1/engine.ts';
import type { ContainerSpec } from '../../proto/generated/gantry/v1/types.ts';
import type { Digest } from '../../proto/ids.ts';
import { digestOf } from '../image/content-store.ts';
import type { RunnableImage } from '../image/images.ts';
import type { Sandbox, SandboxRequest } from '../network/networks.ts';
import type { ExitRecord, FoundShim, OutputSink, Shim, ShimOptions, Shims } from '../shim/shims.ts';
import type { Volumes } from '../volume/volumes.ts';
import { ContainerEngine } from './container-engine.ts';
import type { ContainerParts } from './context.ts';
import { availableCapabilities } from './spec/capabilities.ts';

/** A container's process and its shim. */
export class FakeProcess {
  readonly pid: number;
  readonly options: ShimOptions;
  readonly signals: number[] = [];
  readonly stdin: string[] = [];
  stdinClosed = false;
  started = false;
  exit: ExitRecord | undefined;
  /** Signals that end it; KILL always does. */
  mortalTo = new Set([15]);
  readonly #exited = Promise.withResolvers<ExitRecord>();
  readonly #sinks = new Set<OutputSink>();

  constructor(pid: number, options: ShimOptions) {
    this.pid = pid;
    this.options = options;
  }

  end(code: number, oomKilled = false): void {
    this.exit = { code, oomKilled, finishedAtMs: Date.now() };
    this.#exited.resolve(this.exit);
    for (const sink of this.#sinks) sink.end?.();
  }

  print(text: string): void {
    for (const sink of this.#sinks) sink.stdout(Buffer.from(text));
  }

  /** What an agent holds of it; an agent that has closed it hears nothing more. */
  connect(start: () => Promise<void>): Shim {
    const exited = Promise.withResolvers<ExitRecord>();
    let closed = false;
    void this.#exited.promise.then((record) => {
      if (!closed) exited.resolve(record);
    });
    return {
      pid: this.pid,
      start,
      attached: Promise.resolve(),
      attach: (sink) => {
        this.#sinks.add(sink);
        return () => this.#sinks.delete(sink);
      },
      writeStdin: async (data) => {
        this.stdin.push(Buffer.from(data).toString());
      },
      closeStdin: () => {
        this.stdinClosed = true;
      },
      resize: () => {},
      signal: (signal) => this.#signal(signal),
      exited: exited.promise,
      close: () => {
        closed = true;
      },
    };
  }

  #signal(signal: number): void {
    this.signals.push(signal);
    if (this.exit === undefined && (signal === 9 || this.mortalTo.has(signal))) this.end(128 + signal);
  }
}

export class FakeShims implements Shims {
  readonly processes: FakeProcess[] = [];
  readonly asked: string[] = [];
  /** Thrown by the next create or start. */
  createError: Error | undefined;
  startError: Error | undefined;
  onCreate: (process: FakeProcess) => void = () => {};
  readonly #lost = new Set<string>();

  get last(): FakeProcess {
    const process = this.processes.at(-1);
    if (process === undefined) throw new Error('no container has been made');
    return process;
  }

  of(id: string): FakeProcess | undefined {
    return this.processes.findLast(({ options }) => options.containerId === id);
  }

  async create(options: ShimOptions): Promise<Shim> {
    const error = this.createError;
    this.createError = undefined;
    if (error !== undefined) throw error;
    const process = new FakeProcess(1000 + this.processes.length, options);
    this.processes.push(process);
    this.onCreate(process);
    return process.connect(() => this.#start(process));
  }

  async #start(process: FakeProcess): Promise<void> {
    const error = this.startError;
    this.startError = undefined;
    if (error !== undefined) throw error;
    process.started = true;
  }

  async find({ containerId }: ShimOptions): Promise<FoundShim> {
    this.asked.push(containerId);
    const process = this.of(containerId);
    if (process === undefined || this.#lost.has(containerId)) return { kind: 'lost' };
    if (process.exit !== undefined) return { kind: 'exited', record: process.exit };
    return { kind: 'alive', shim: process.connect(() => Promise.resolve()) };
  }

  lose(id: string): void {
    this.#lost.add(id);
  }
}

/** What is there for containers on the host. */
export class FakeHost {
  readonly snapshots = new Set<string>();
  readonly mounts = new Set<string>();
  readonly sandboxes = new Map<string, SandboxRequest>();
  /** Networks that aren't there. */
  readonly gone = new Set<string>();
  /** The cluster's that only services may be on. */
  readonly unattachable = new Set<string>();
  readonly volumes = new Map<string, Set<string>>();
  readonly populated: string[] = [];
  readonly recovered: string[][] = [];
  /** How many wait for an answer of a container. */
  unanswered: () => number = () => 0;
  prepareError: Error | undefined;
  mountError: Error | undefined;

  sandbox(request: SandboxRequest): Sandbox {
    this.sandboxes.set(request.containerId, request);
    return {
      netnsPath: `/run/netns/${request.containerId}`,
      networks: request.networks.map(({ target, aliases }) => ({
        networkId: target,
        networkName: target,
        address: '10.0.0.2',
        prefixLength: 24,
        gateway: '10.0.0.1',
        macAddress: '',
        aliases,
        ipv6Address: '',
        ipv6PrefixLength: 0,
        ipv6Gateway: '',
      })),
      ports: request.ports.map((port) => ({ ...port, publishedPort: port.publishedPort || 32768 })),
      hostsPath: '/hosts',
      hostnamePath: '/hostname',
      resolvConfPath: '/resolv.conf',
    };
  }

  network(reference: string): LocalNetwork {
    if (this.gone.has(reference)) throw new GantryError('NOT_FOUND', `network ${reference} not found`);
    return LocalNetwork.fromPartial({ id: reference, name: reference, cluster: this.unattachable.has(reference) });
  }

  get volumeStore(): Volumes {
    const users = (name: string) => this.volumes.get(name) ?? new Set<string>();
    const volume = (name: string) => ({
      name,
      driver: 'local',
      mountpoint: `/volumes/${name}`,
      labels: {},
      createdAtMs: 0,
    });
    return {
      ensure: async (given) => {
        const name = given || `anonymous${this.volumes.size}`;
        if (!this.volumes.has(name)) this.volumes.set(name, new Set());
        return volume(name);
      },
      acquire: async (name, user) => {
        users(name).add(user);
        return volume(name);
      },
      release: async (name, user) => void users(name).delete(user),
      populate: async (name, from) => void this.populated.push(`${name} ${from.split('/rootfs').at(-1)}`),
      list: async () => [...this.volumes.keys()].map(volume),
      remove: async (name) => void this.volumes.delete(name),
    };
  }
}

const IMAGE: RunnableImage = {
  id: `sha256:${'1'.repeat(64)}` as Digest,
  name: 'demo:latest',
  config: ImageConfig.fromPartial({ command: ['/bin/server'], stopSignal: '', volumes: [] }),
  os: 'linux',
  architecture: 'amd64',
};

/** Engines one after the other over the same roots and neighbours, as gantryd is restarted over one host. */
export class EngineFixture {
  /** What was counted of starts. */
  readonly startsMs: number[] = [];
  failedStarts = 0;
  readonly root = mkdtempSync(join(tmpdir(), 'gantry-containers-'));
  readonly shims = new FakeShims();
  readonly host = new FakeHost();
  image: RunnableImage = IMAGE;
  bootId = 'boot-1';
  #seed = 0;
  engine = this.#make();

  /** gantryd ends, whether cleanly or not, and another one begins. */
  async restart(): Promise<ContainerEngine> {
    await this.engine.close();
    this.engine = this.#make();
    await this.engine.recover();
    return this.engine;
  }

  async remove(): Promise<void> {
    await this.engine.close();
    rmSync(this.root, { recursive: true });
  }

  rootfs(id: string): string {
    return join(this.root, 'run/containers', id, 'rootfs');
  }

  #make(): ContainerEngine {
    const { host } = this;
    const parts: ContainerParts = {
      roots: { dataRoot: join(this.root, 'data'), execRoot: join(this.root, 'run'), runtime: '/bin/false' },
      initPath: '/init',
      images: {
        resolve: (reference) => this.#resolve(reference),
        commit: async (upper, { reading }) => await reading(async () => digestOf(Buffer.from(upper))),
      },
      snapshots: {
        prepare: async (key) => {
          if (host.prepareError !== undefined) throw host.prepareError;
          host.snapshots.add(key);
        },
        mount: async (_key, target) => {
          if (host.mountError !== undefined) throw host.mountError;
          mkdirSync(join(target, 'data'), { recursive: true });
          host.mounts.add(target);
        },
        openMerged: (_key, target) => open(target),
        changes: async () => [],
        upper: (key) => join(this.root, 'upper', key),
        unmount: async (target) => void host.mounts.delete(target),
        remove: async (key) => void host.snapshots.delete(key),
      },
      volumes: host.volumeStore,
      networks: {
        setup: async (request) => host.sandbox(request),
        reattach: async (request) => (host.sandboxes.has(request.containerId) ? host.sandbox(request) : undefined),
        find: (reference) => host.network(reference),
        checkAttachment: () => undefined,
        teardown: async (id) => void host.sandboxes.delete(id),
        recover: async (live) => void host.recovered.push([...live]),
        unanswered: async () => host.unanswered(),
      },
      shims: this.shims,
      native: {
        mount: async () => {},
        unmount: async () => {},
        mountFrom: async () => {},
        spreadSubdirectories: () => true,
        getXattr: () => null,
        listXattr: () => [],
      },
      readLog: async function* () {},
      logForwarding: { follow: () => undefined, end: () => undefined, release: async () => {} },
      cgroupLock: { takeEarly: () => undefined },
      host: {
        architecture: 'amd64',
        kernelRelease: '6.1.0',
        capabilities: availableCapabilities('1ffffffffff'),
        cgroupVersion: 2,
        swapLimit: true,
        hardNofile: 1024,
        cpus: 4,
        cpuList: '0-3',
        memoryNodeList: '0',
        memoryBytes: 8e9,
      },
      bootId: this.bootId,
      // Counts, so that ids differ and no test depends on luck.
      random: (size) => {
        this.#seed += 1;
        return Buffer.alloc(size, this.#seed);
      },
      now: Date.now,
      logger: pino({ level: 'silent' }),
      metrics: {
        containerStarted: (tookMs) => void this.startsMs.push(tookMs),
        containerStartFailed: () => {
          this.failedStarts += 1;
        },
      },
    };
    return new ContainerEngine(parts);
  }

  async #resolve(reference: string): Promise<RunnableImage> {
    if (reference !== 'demo') throw new GantryError('IMAGE_NOT_FOUND', `no image ${reference}`);
    return this.image;
  }
}

export function config(spec: Partial<ContainerSpec> = {}, change: Partial<ContainerConfig> = {}): ContainerConfig {
  return ContainerConfig.fromPartial({ ...change, spec: { image: 'demo', ...spec } });
}
