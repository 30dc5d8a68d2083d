/** From a record to a container that is ready to run: everything acquired, the bundle written, the shim made. */
import { mkdirSync } from 'node:fs';
import { GantryError } from '../../proto/errors.ts';
import type { ContainerSpec } from '../../proto/generated/gantry/v1/types.ts';
import type { Sandbox } from '../network/networks.ts';
import type { Shim } from '../shim/shims.ts';
import { writeBundle } from './bundle.ts';
import { cdiEdits } from './cdi/cdi-devices.ts';
import type { ContainerEntry } from './container-entry.ts';
import { type ContainerPaths, containerPaths, shimOptions } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import { cdiNode, hostBlockDevices, hostDevices } from './host-devices.ts';
import { cdiMount, resolveMounts } from './mount-sources.ts';
import { type Networking, runningPid, setUpNetworking } from './networking.ts';
import { makeDirectoryInRoot, readInRoot } from './root-files.ts';
import { allSettledOrThrow } from './settled.ts';
import { overlayEnvironment } from './spec/env.ts';
import type { ResolvedMount, SharedMemory } from './spec/mounts.ts';
import { type NamespaceSource, parseNamespaceMode } from './spec/namespaces.ts';
import { buildSpec, workingDirectory } from './spec/spec.ts';
import { type ResolvedUser, resolveUser } from './spec/user.ts';
import { taskFileBinds } from './task-files.ts';
import { VolumeParts } from './volume-parts.ts';

export interface Assembled {
  readonly shim: Shim;
  readonly sandbox: Sandbox | undefined;
}

/** What it has acquired when it throws, `release` gives back. */
export async function assemble(context: ContainerContext, entry: ContainerEntry): Promise<Assembled> {
  const spec = specOf(entry);
  const paths = containerPaths(context.roots, entry.id);
  mkdirSync(paths.bundle, { recursive: true, mode: 0o711 });
  const parts = new VolumeParts(context.native, context.roots.execRoot, entry.id);
  try {
    const [networking, mounts] = await allSettledOrThrow([
      setUpNetworking(context, entry, spec),
      resolveMounts(entry.record, context, parts),
      context.snapshots.mount(entry.id, paths.rootfs, durabilityOf(entry)),
    ]);
    const ipc = await ipcOf(context, spec, parts);
    writeBundle(paths, ociSpec(context, entry, spec, paths, networking, mounts, ipc));
    const shim = await context.shims.create(shimOptions(context.roots, entry.id, entry.record.config.log, spec));
    return { shim, sandbox: networking.sandbox };
  } finally {
    await parts.close();
  }
}

/** What goes with its first run has nothing to keep: its end needn't wait for the host's disk. */
function durabilityOf({ record }: ContainerEntry): 'durable' | 'volatile' {
  return record.config.autoRemove ? 'volatile' : 'durable';
}

export function specOf({ record }: Pick<ContainerEntry, 'record'>): ContainerSpec {
  if (record.config.spec !== undefined) return record.config.spec;
  throw new GantryError('CORRUPT', `the record of container ${record.name} has no spec`);
}

function ociSpec(
  context: ContainerContext,
  { record }: ContainerEntry,
  spec: ContainerSpec,
  paths: ContainerPaths,
  networking: Networking,
  mounts: readonly ResolvedMount[],
  ipc: Ipc,
): ReturnType<typeof buildSpec> {
  const image = record.image;
  const cdi = cdiEdits(spec.cdiDevices);
  makeDirectoryInRoot(paths.rootfs, workingDirectory(spec, image));
  return buildSpec({
    containerId: record.id,
    spec: { ...spec, env: overlayEnvironment(spec.env, cdi.env) },
    limits: record.config.limits,
    image,
    argv: record.argv,
    user: userOf(paths.rootfs, spec.user || image.user, [...spec.groups, ...cdi.groups.map(String)]),
    hostname: networking.hostname,
    namespaces: {
      network: networking.namespace,
      pid: namespaceOf(context, 'pid', spec.pidMode),
      ipc: ipc.namespace,
      uts: spec.utsMode === 'host' ? 'host' : 'new',
      cgroup: spec.cgroupnsMode === 'host' ? 'host' : 'new',
    },
    network: networking.sandbox === undefined ? 'shared' : 'own',
    mounts: [...mounts, ...cdi.mounts.map(cdiMount)],
    binds: [...networking.binds, ...taskFileBinds(paths.files, record.files)],
    sharedMemory: ipc.sharedMemory,
    devices: [...hostDevices(spec), ...cdi.nodes.map(cdiNode)],
    blockDevices: hostBlockDevices(spec.cgroup),
    host: context.host,
    rootPath: 'rootfs',
    initPath: spec.init ? context.initPath : undefined,
    hooks: cdi.hooks,
  });
}

/** By the container's own /etc/passwd and /etc/group. */
export function userOf(rootfs: string, user: string, groups: readonly string[]): ResolvedUser {
  return resolveUser({
    user,
    groups,
    passwd: readInRoot(rootfs, '/etc/passwd'),
    group: readInRoot(rootfs, '/etc/group'),
  });
}

function namespaceOf(context: ContainerContext, kind: 'pid' | 'ipc', text: string): NamespaceSource {
  const mode = parseNamespaceMode(kind, text);
  if (mode.kind === 'private') return 'new';
  if (mode.kind === 'host') return 'host';
  return { path: `/proc/${runningPid(context.index.get(mode.reference))}/ns/${kind}` };
}

const SHARED_MEMORY = '/dev/shm';

interface Ipc {
  readonly namespace: NamespaceSource;
  readonly sharedMemory: SharedMemory;
}

/** /dev/shm goes with the IPC namespace: it is the other half of what POSIX calls IPC. */
async function ipcOf(context: ContainerContext, spec: ContainerSpec, parts: VolumeParts): Promise<Ipc> {
  const namespace = namespaceOf(context, 'ipc', spec.ipcMode);
  if (namespace === 'new') return { namespace, sharedMemory: { kind: 'new', sizeBytes: spec.shmSizeBytes } };
  const mode = parseNamespaceMode('ipc', spec.ipcMode);
  const source =
    mode.kind === 'container'
      ? await parts.openOther(runningPid(context.index.get(mode.reference)), SHARED_MEMORY)
      : SHARED_MEMORY;
  return { namespace, sharedMemory: { kind: 'shared', source } };
}
