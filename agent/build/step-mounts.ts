/** RUN --mount made real: sources found and mounted, caches taken, secrets read, while a step runs. */
import { lstatSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { resolveInRoot } from '../container/root-files.ts';
import type { ResolvedMount } from '../container/spec/mounts.ts';
import type { CopyJob } from '../image/layer/copy.ts';
import type { Scanned, ScannedSource } from '../image/layer/scan.ts';
import type { LayerWorkers } from '../image/layer-workers.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { RunMount } from './run-mounts.ts';
import type { SshForwarding } from './ssh-forwarding.ts';
import { escaped } from './stage-files.ts';
import type { StepFile } from './step-runner.ts';

/** Where a mount's files come from. */
export interface FileSource {
  /** The same for the same files. */
  readonly identity: string;
  /** The root of the files while `work` runs; what is written to it is dropped, or refused for the context. */
  use<T>(work: (root: string) => Promise<T>): Promise<T>;
}

export interface StepMountsParts {
  readonly workers: LayerWorkers;
  readonly caches: CacheMounts;
  /** Root of the context's files. */
  readonly contextRoot: string;
  readonly secrets: Readonly<Record<string, Uint8Array>>;
  readonly ssh: Pick<SshForwarding, 'open'>;
  /** A stage's or image's files, by what the instruction calls it. */
  readonly source: (name: string) => Promise<FileSource>;
  /** A new file's path in the build's own directory. */
  readonly scratch: () => string;
  readonly signal: AbortSignal;
}

/** What a step gets of its mounts. */
export interface MountedForStep {
  readonly mounts: readonly ResolvedMount[];
  readonly files: readonly StepFile[];
  /** KEY=VALUE */
  readonly env: readonly string[];
}

/** As BuildKit has it. */
const SSH_SOCKET = '/run/buildkit/ssh_agent.';

const NOTHING: MountedForStep = { mounts: [], files: [], env: [] };

export class StepMounts {
  readonly #parts: StepMountsParts;

  constructor(parts: StepMountsParts) {
    this.#parts = parts;
  }

  /** What a step's result depends on: files that it sees, not what caches and secrets hold. */
  async identity(mounts: readonly RunMount[]): Promise<unknown[]> {
    return await Promise.all(mounts.map(async (mount) => [mount, await this.#contentOf(mount)]));
  }

  /** Mounts that depend on others come later. Throws NOT_FOUND for what isn't there, CANCELLED. */
  async use<T>(mounts: readonly RunMount[], work: (mounted: MountedForStep) => Promise<T>): Promise<T> {
    return await this.#use(mounts, NOTHING, work);
  }

  async #use<T>(
    [mount, ...rest]: readonly RunMount[],
    mounted: MountedForStep,
    work: (mounted: MountedForStep) => Promise<T>,
  ): Promise<T> {
    if (mount === undefined) return await work(mounted);
    const next = (more: Partial<MountedForStep>) =>
      this.#use(
        rest,
        {
          mounts: [...mounted.mounts, ...(more.mounts ?? [])],
          files: [...mounted.files, ...(more.files ?? [])],
          env: [...mounted.env, ...(more.env ?? [])],
        },
        work,
      );
    switch (mount.kind) {
      case 'tmpfs': {
        const { target, sizeBytes } = mount;
        return await next({
          mounts: [{ kind: 'tmpfs', target, sizeBytes, readOnly: false, mode: 0, executable: true }],
        });
      }
      case 'secret':
        return await next(this.#secret(mount));
      case 'ssh':
        return await this.#withAgent(mount, mounted, next);
      case 'cache':
        return await this.#withCache(mount, (path) => next({ mounts: [bind(path, mount.target, mount.readOnly)] }));
      case 'bind':
        return await this.#withFiles(mount, (path) => next({ mounts: [bind(path, mount.target, !mount.writable)] }));
    }
  }

  #secret(mount: Extract<RunMount, { kind: 'secret' }>): Partial<MountedForStep> {
    const { id, target, variable, uid, gid, mode } = mount;
    const content = Object.hasOwn(this.#parts.secrets, id) ? this.#parts.secrets[id] : undefined;
    if (content === undefined) {
      if (!mount.required) return {};
      throw new GantryError('NOT_FOUND', `the secret ${id} is required and was not given`, {
        hint: `build with --secret id=${id},src=FILE`,
      });
    }
    return {
      files: target === undefined ? [] : [{ target, content, uid, gid, mode }],
      env: variable === undefined ? [] : [`${variable}=${Buffer.from(content).toString()}`],
    };
  }

  async #withAgent<T>(
    mount: Extract<RunMount, { kind: 'ssh' }>,
    { mounts, env }: MountedForStep,
    work: (mounted: Partial<MountedForStep>) => Promise<T>,
  ): Promise<T> {
    const socket = await this.#parts.ssh.open(mount, this.#parts.scratch());
    if (socket === undefined) return await work({});
    const others = mounts.filter(({ target }) => target.startsWith(SSH_SOCKET)).length;
    const target = mount.target ?? `${SSH_SOCKET}${others}`;
    const isNamed = env.some((entry) => entry.startsWith('SSH_AUTH_SOCK='));
    try {
      return await work({
        mounts: [bind(socket.path, target, false)],
        env: isNamed ? [] : [`SSH_AUTH_SOCK=${target}`],
      });
    } finally {
      await socket.close();
    }
  }

  async #withCache<T>(mount: Extract<RunMount, { kind: 'cache' }>, work: (path: string) => Promise<T>): Promise<T> {
    const { from, source } = mount;
    const files = from === undefined ? undefined : await this.#parts.source(from);
    const origin = files === undefined ? '' : `${files.identity} ${source}`;
    const fill = async (directory: string): Promise<void> => {
      await files?.use((root) => this.#copyTree(root, source, directory));
    };
    const cache = await this.#parts.caches.take(mount, origin, fill, this.#parts.signal);
    try {
      return await work(cache.path);
    } finally {
      await cache.close();
    }
  }

  async #withFiles<T>(mount: Extract<RunMount, { kind: 'bind' }>, work: (path: string) => Promise<T>): Promise<T> {
    const { from, source, writable } = mount;
    if (from !== undefined) {
      const files = await this.#parts.source(from);
      return await files.use((root) => work(existing(root, source)));
    }
    const found = await this.#scanContext(source);
    const path = join(this.#parts.contextRoot, found.path);
    if (!writable) return await work(path);
    const copy = this.#parts.scratch();
    await mkdir(copy);
    await this.#copy(this.#parts.contextRoot, [found], copy);
    return await work(found.type === 'directory' ? copy : join(copy, found.name));
  }

  async #contentOf(mount: RunMount): Promise<string> {
    if (mount.kind !== 'bind') return '';
    if (mount.from !== undefined) return (await this.#parts.source(mount.from)).identity;
    return (await this.#scan(mount.source)).digest;
  }

  async #scanContext(source: string): Promise<ScannedSource> {
    const [found] = (await this.#scan(source)).sources;
    if (found === undefined) throw new GantryError('NOT_FOUND', `the context has no ${source}`);
    return found;
  }

  async #scan(source: string): Promise<Scanned> {
    return await this.#parts.workers.run({
      ...{ kind: 'scan', root: this.#parts.contextRoot, patterns: [escaped(source)], excludes: [] },
      owners: 'keep',
      layout: 'names',
    });
  }

  async #copyTree(root: string, source: string, target: string): Promise<void> {
    const path = existing(root, source);
    if (!lstatSync(path).isDirectory()) throw new GantryError('INVALID_ARGUMENT', `${source} is not a directory`);
    await this.#copy(path, [{ name: basename(path), path: '', type: 'directory', under: '' }], target);
  }

  async #copy(sourceRoot: string, sources: readonly ScannedSource[], targetRoot: string): Promise<void> {
    await this.#parts.workers.run<CopyJob>({
      ...{ kind: 'copy', sourceRoot, sources, targetRoot, destination: '', intoDirectory: true },
      ...{ owner: undefined, mode: undefined, excludes: [] },
    });
  }
}

function bind(source: string, target: string, readOnly: boolean): ResolvedMount {
  return { kind: 'bind', source, target, readOnly, propagation: '' };
}

function existing(root: string, source: string): string {
  const path = resolveInRoot(root, source);
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return path;
  throw new GantryError('NOT_FOUND', `there is no ${source} to mount`);
}
