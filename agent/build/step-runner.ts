/** Runs a RUN step's command as a container of its own: same runtime, same isolation, the network that it asks for. */
import { copyFileSync, lstatSync, readdirSync, readFileSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, posix } from 'node:path';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import { ImageConfig } from '../../proto/generated/gantry/v1/engine.ts';
import { ContainerSpec, type Ulimit } from '../../proto/generated/gantry/v1/types.ts';
import { type ContainerId, newContainerId, type RandomBytes } from '../../proto/ids.ts';
import { hostsLine } from '../container/networking.ts';
import { makeDirectoryInRoot, readInRoot, resolveInRoot } from '../container/root-files.ts';
import type { HostFacts } from '../container/spec/host-facts.ts';
import type { OwnBind, ResolvedMount } from '../container/spec/mounts.ts';
import type { NamespaceSource } from '../container/spec/namespaces.ts';
import type { OciSpec } from '../container/spec/oci.ts';
import { serializeSpec } from '../container/spec/serialize.ts';
import { buildSpec } from '../container/spec/spec.ts';
import { resolveUser } from '../container/spec/user.ts';
import type { Networks, Sandbox } from '../network/networks.ts';
import type { Shim, ShimOptions, Shims } from '../shim/shims.ts';

export interface Step {
  /** A mounted, writable root file system. */
  readonly rootfs: string;
  readonly argv: readonly string[];
  /** KEY=VALUE */
  readonly env: readonly string[];
  /** user[:group], names or numbers; empty: root. */
  readonly user: string;
  /** Absolute path in the container; made if missing. */
  readonly cwd: string;
  readonly network: StepNetwork;
  /** HOST:IP */
  readonly extraHosts: readonly string[];
  readonly limits: StepLimits;
  readonly mounts: readonly ResolvedMount[];
  readonly files: readonly StepFile[];
}

export interface StepLimits {
  /** Of /dev/shm; 0: 64 MiB */
  readonly sharedMemoryBytes: number;
  readonly ulimits: readonly Ulimit[];
}

/** That of containers, loopback alone, or the host's own. */
export type StepNetwork = 'default' | 'none' | 'host';

/** Throws INVALID_ARGUMENT. */
export function parseStepNetwork(text: string): StepNetwork {
  if (text === 'default' || text === 'none' || text === 'host') return text;
  throw new GantryError('INVALID_ARGUMENT', `unknown network ${JSON.stringify(text)} of a build`, {
    hint: 'write default, none or host',
  });
}

/** A file that is there while the step runs: never in a layer, and never on the host's disk. */
export interface StepFile {
  readonly target: string;
  readonly content: Uint8Array;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export interface StepRunner {
  /**
   * Runs the command to its end and resolves to its exit code, 128 + n for signal n. Aborting kills it. Nothing of
   * the container is left but what the command has written. Throws COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE,
   * INVALID_ARGUMENT (no such user), CANCELLED, HOST.
   */
  run(step: Step, output: (data: Uint8Array) => void, signal: AbortSignal): Promise<number>;
  /** Ends and removes what a crash of the agent left. Before any run. */
  recover(): Promise<void>;
}

export interface StepRunnerParts {
  readonly execRoot: string;
  /** The OCI runtime's program, and its --root. */
  readonly runtime: string;
  readonly runtimeRoot: string;
  readonly shims: Shims;
  readonly networks: Pick<Networks, 'setup' | 'teardown'>;
  readonly host: HostFacts;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

const SIGKILL = 9;
const DEFAULT_NETWORK = 'bridge';
/** Output goes to the client; the log is what the shim insists on. */
const LOG_BYTES = 1 << 20;

export class ContainerStepRunner implements StepRunner {
  readonly #parts: StepRunnerParts;
  readonly #dir: string;

  constructor(parts: StepRunnerParts) {
    this.#parts = parts;
    this.#dir = join(parts.execRoot, 'build');
  }

  async run(step: Step, output: (data: Uint8Array) => void, signal: AbortSignal): Promise<number> {
    const id = newContainerId(this.#parts.random);
    const bundle = join(this.#dir, id);
    await mkdir(bundle, { recursive: true, mode: 0o700 });
    try {
      const network = step.network === 'host' ? hostNetwork(bundle, step) : await this.#setUpNetwork(id, step);
      makeDirectoryInRoot(step.rootfs, step.cwd);
      const files = await writeFiles(join(bundle, 'files'), step.files);
      const spec = this.#spec(id, step, network, files);
      await writeFile(join(bundle, 'config.json'), serializeSpec(spec), { mode: 0o600 });
      const stubs = missingMountPoints(step.rootfs, spec);
      try {
        return await this.#execute(await this.#parts.shims.create(this.#shimOptions(id)), output, signal);
      } finally {
        removeStubs(step.rootfs, stubs);
      }
    } finally {
      await this.#remove(id);
    }
  }

  async recover(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#dir)) {
      const id = name as ContainerId;
      const found = await this.#parts.shims.find(this.#shimOptions(id));
      if (found.kind === 'alive') {
        found.shim.signal(SIGKILL);
        await found.shim.exited;
      }
      await this.#remove(id);
      this.#parts.logger.info({ container: id }, 'removed a build step that was cut off');
    }
  }

  async #execute(shim: Shim, output: (data: Uint8Array) => void, signal: AbortSignal): Promise<number> {
    const kill = (): void => shim.signal(SIGKILL);
    const detach = shim.attach({ stdout: output, stderr: output });
    signal.addEventListener('abort', kill);
    try {
      await startOrKill(shim, signal);
      const { code } = await shim.exited;
      signal.throwIfAborted();
      return code;
    } finally {
      signal.removeEventListener('abort', kill);
      detach();
      shim.close();
    }
  }

  async #setUpNetwork(id: ContainerId, step: Step): Promise<NetworkOfStep> {
    const sandbox = await this.#parts.networks.setup({
      containerId: id,
      names: [],
      hostname: id.slice(0, 12),
      domainname: '',
      networks: step.network === 'none' ? [] : [{ target: DEFAULT_NETWORK, aliases: [] }],
      ports: [],
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: step.extraHosts,
    });
    return { ...sandbox, namespace: { path: sandbox.netnsPath } };
  }

  #spec(id: ContainerId, step: Step, network: NetworkOfStep, files: readonly OwnBind[]): OciSpec {
    const user = resolveUser({
      user: step.user,
      groups: [],
      passwd: readInRoot(step.rootfs, '/etc/passwd'),
      group: readInRoot(step.rootfs, '/etc/group'),
    });
    const file = (source: string, target: string) => ({ source, target, readOnly: false });
    return buildSpec({
      containerId: id,
      spec: ContainerSpec.create({ dir: step.cwd, ulimits: [...step.limits.ulimits] }),
      limits: undefined,
      image: ImageConfig.create({ env: [...step.env] }),
      argv: step.argv,
      user,
      hostname: id.slice(0, 12),
      namespaces: { network: network.namespace, pid: 'new', ipc: 'new', uts: 'new', cgroup: 'new' },
      network: network.namespace === 'host' ? 'shared' : 'own',
      mounts: step.mounts,
      binds: [
        file(network.hostsPath, '/etc/hosts'),
        file(network.hostnamePath, '/etc/hostname'),
        file(network.resolvConfPath, '/etc/resolv.conf'),
        ...files,
      ],
      sharedMemory: { kind: 'new', sizeBytes: step.limits.sharedMemoryBytes },
      devices: [],
      blockDevices: new Map(),
      host: this.#parts.host,
      rootPath: step.rootfs,
      initPath: undefined,
      hooks: {},
    });
  }

  #shimOptions(id: ContainerId): ShimOptions {
    const bundle = join(this.#dir, id);
    return {
      containerId: id,
      bundle,
      terminal: false,
      stateDir: join(bundle, 'shim'),
      logPath: join(bundle, 'log'),
      logMaxSizeBytes: LOG_BYTES,
      logMaxFiles: 1,
      openStdin: false,
      runtime: this.#parts.runtime,
      runtimeRoot: this.#parts.runtimeRoot,
    };
  }

  async #remove(id: ContainerId): Promise<void> {
    await this.#parts.networks.teardown(id);
    await rm(join(this.#dir, id), { recursive: true, force: true });
  }
}

interface NetworkOfStep extends Pick<Sandbox, 'hostsPath' | 'hostnamePath' | 'resolvConfPath'> {
  readonly namespace: NamespaceSource;
}

/** Copies of the host's files: the step may write to its own. */
function hostNetwork(bundle: string, { extraHosts }: Step): NetworkOfStep {
  const paths = {
    hostsPath: join(bundle, 'hosts'),
    hostnamePath: join(bundle, 'hostname'),
    resolvConfPath: join(bundle, 'resolv.conf'),
  };
  writeFileSync(paths.hostsPath, readFileSync('/etc/hosts', 'utf8') + extraHosts.map(hostsLine).join(''));
  writeFileSync(paths.hostnamePath, `${hostname()}\n`);
  copyFileSync('/etc/resolv.conf', paths.resolvConfPath);
  return { ...paths, namespace: 'host' };
}

/** Below EXEC_ROOT, which is no disk; whoever runs in the step gets at them by their owner and mode. */
async function writeFiles(directory: string, files: readonly StepFile[]): Promise<OwnBind[]> {
  const binds: OwnBind[] = [];
  await mkdir(directory, { mode: 0o700 });
  for (const [index, { target, content, uid, gid, mode }] of files.entries()) {
    const source = join(directory, String(index));
    await writeFile(source, content, { mode: 0o600 });
    await chown(source, uid, gid);
    await chmod(source, mode);
    binds.push({ source, target, readOnly: true });
  }
  return binds;
}

/** A shim whose process was never started would wait for ever. */
async function startOrKill(shim: Shim, signal: AbortSignal): Promise<void> {
  try {
    signal.throwIfAborted();
    await shim.start();
  } catch (error) {
    shim.signal(SIGKILL);
    await shim.exited;
    throw error;
  }
}

interface MountStub {
  /** In the container. */
  readonly path: string;
  readonly onHost: string;
}

/**
 * What the runtime makes to mount on: it is none of the step's doing, and must not get into its layer. Parents come
 * before children.
 */
function missingMountPoints(rootfs: string, spec: OciSpec): MountStub[] {
  const missing = new Map<string, MountStub>();
  for (const { destination } of spec.mounts) {
    for (let path = destination; path !== '/'; path = posix.dirname(path)) {
      const onHost = resolveInRoot(rootfs, path);
      if (lstatSync(onHost, { throwIfNoEntry: false }) === undefined) missing.set(onHost, { path, onHost });
    }
  }
  return [...missing.values()].sort((a, b) => (a.onHost < b.onHost ? -1 : 1));
}

/** Only what is empty and where it was: the step may have put something there, or a link that leads to the host. */
function removeStubs(rootfs: string, stubs: readonly MountStub[]): void {
  for (const { path, onHost } of stubs.toReversed()) {
    if (resolveInRoot(rootfs, path) !== onHost) continue;
    const stats = lstatSync(onHost, { throwIfNoEntry: false });
    if (stats?.isDirectory() && readdirSync(onHost).length === 0) rmdirSync(onHost);
    else if (stats?.isFile() && stats.size === 0) unlinkSync(onHost);
  }
}
