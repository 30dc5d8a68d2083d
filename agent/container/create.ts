/** Making a container: everything is checked first, then recorded, then made. */
import { mkdirSync } from 'node:fs';
import { GantryError } from '../../proto/errors.ts';
import type { ContainerConfig } from '../../proto/generated/gantry/v1/engine.ts';
import { type ContainerSpec, MountType } from '../../proto/generated/gantry/v1/types.ts';
import { type ContainerId, newContainerId } from '../../proto/ids.ts';
import { generateName } from '../../proto/made-up-name.ts';
import type { RunnableImage } from '../image/images.ts';
import { refuseForeign } from '../platform/emulation.ts';
import { hostPlatform } from '../platform/host-platform.ts';
import { cdiEdits } from './cdi/cdi-devices.ts';
import { ContainerEntry } from './container-entry.ts';
import { containerPaths } from './container-paths.ts';
import type { TaskContainer } from './containers.ts';
import type { ContainerContext } from './context.ts';
import { cdiNode, hostBlockDevices, hostDevices } from './host-devices.ts';
import { checkBindSources, type WantedVolume, wantedVolumes } from './mount-sources.ts';
import { parseNetworkMode } from './network-mode.ts';
import { refuseUnpublishable } from './publishable.ts';
import { type ContainerRecord, NEW_STATE, type RecordedImage, type RecordedVolume } from './record.ts';
import { removeContainer } from './remove.ts';
import { directoryInRoot } from './root-files.ts';
import { resolveArgv } from './spec/argv.ts';
import { parseNamespaceMode } from './spec/namespaces.ts';
import { recordFiles, writeTaskFiles } from './task-files.ts';
import { validateConfig } from './validate.ts';
import { withVolumesFrom } from './volumes-from.ts';

export interface CreateRequest {
  readonly config: ContainerConfig;
  readonly task: TaskContainer | undefined;
  readonly stdinOnce: boolean;
  /** The caller starts it next: one that is to be removed at its end goes with a crash before that. */
  readonly startsNext: boolean;
}

/** What fails leaves nothing. A crash in between leaves a record in phase "creating", which recovery removes. */
export async function createContainer(context: ContainerContext, request: CreateRequest): Promise<ContainerEntry> {
  const spec = withVolumesFrom(context, validateConfig(request.config, context.host), request.config.volumesFrom);
  if (!request.task?.taskId) refuseOfServices(spec);
  validateHost(context, spec, request.config);
  const image = await context.images.resolve(spec.image, request.config.platform);
  refuseForeign(image.name, image, hostPlatform());
  const argv = resolveArgv(spec, image.config);
  const id = newContainerId(context.random);
  const name = request.config.name || generateName(context.random, (taken) => context.index.isNameTaken(taken));
  const names = { own: name, shared: spec.containerName };
  context.index.reserveNames(names, id);
  try {
    return await make(context, newRecord(context, request, spec, image, argv, id, name), request, spec, image);
  } catch (error) {
    if (!context.index.has(id)) context.index.releaseNames(names, id);
    throw error;
  }
}

/** Secrets and configs are the cluster's, which sends their content with the task; and a container has one name of its own. */
function refuseOfServices(spec: ContainerSpec): void {
  if (spec.containerName !== '') throw new GantryError('UNSUPPORTED', 'a further name is only for services');
  if (spec.preStart.length > 0) throw new GantryError('UNSUPPORTED', 'pre_start hooks are only for services');
  if (spec.networkOf !== '') {
    throw new GantryError('UNSUPPORTED', `the network of service ${spec.networkOf} is only for tasks of services`, {
      hint: 'join that of one of its containers: --network container:NAME',
    });
  }
  if (spec.secrets.length + spec.configs.length === 0) return;
  throw new GantryError('UNSUPPORTED', 'secrets and configs are only for services', {
    hint: 'bind-mount a file instead, or run it as a service',
  });
}

/** What has to be on this host already. It is looked at again at each start. */
function validateHost(context: ContainerContext, spec: ContainerSpec, config: ContainerConfig): void {
  checkBindSources(spec.mounts);
  hostDevices(spec);
  cdiEdits(spec.cdiDevices).nodes.map(cdiNode);
  hostBlockDevices(spec.cgroup);
  const network = parseNetworkMode(config.networks);
  if (config.ports.length > 0) refuseUnpublishable(context, network);
  const modes = [network, parseNamespaceMode('pid', spec.pidMode), parseNamespaceMode('ipc', spec.ipcMode)];
  for (const mode of modes) {
    if (mode.kind === 'container') context.index.get(mode.reference);
  }
}

function newRecord(
  context: ContainerContext,
  { config, task, stdinOnce }: CreateRequest,
  spec: ContainerSpec,
  image: RunnableImage,
  argv: readonly string[],
  id: ContainerId,
  name: string,
): ContainerRecord {
  return {
    id,
    name,
    config: { ...config, name, spec },
    imageId: image.id,
    imageName: image.name,
    image: image.config,
    createdAtMs: context.now(),
    taskId: task?.taskId ?? '',
    ...(task?.preStart === undefined ? {} : { preStart: task.preStart }),
    argv,
    volumes: [],
    files: recordFiles(task?.files ?? []),
    stdinOnce,
    phase: 'creating',
    state: NEW_STATE,
    stoppedBy: 'nobody',
    restartDelayMs: 0,
    bootId: context.bootId,
    sandbox: undefined,
  };
}

async function make(
  context: ContainerContext,
  record: ContainerRecord,
  { task, config, startsNext }: CreateRequest,
  spec: ContainerSpec,
  image: RunnableImage,
): Promise<ContainerEntry> {
  const paths = containerPaths(context.roots, record.id);
  const entry = new ContainerEntry(record, paths.log);
  try {
    await context.store.save(record);
    await context.snapshots.prepare(record.id, image.id);
    await makeVolumes(context, entry, wantedVolumes(spec, image.config.volumes));
    await prepareImages(context, entry, spec);
    mkdirSync(paths.bundle, { recursive: true, mode: 0o711 });
    await writeTaskFiles(context.native, context.host, paths.files, task?.files ?? []);
    if (!(startsNext && config.autoRemove)) {
      entry.record = { ...entry.record, phase: 'idle' };
      await context.store.save(entry.record);
    }
  } catch (error) {
    await removeContainer(context, entry, true);
    throw error;
  }
  context.index.add(entry);
  context.emit('create', entry);
  return entry;
}

/** Each volume is in the record before the next is made, so that a crash leaves none that nobody knows. */
async function makeVolumes(
  context: ContainerContext,
  entry: ContainerEntry,
  wanted: readonly WantedVolume[],
): Promise<void> {
  const made: RecordedVolume[] = [];
  for (const { mount, anonymous } of wanted) {
    if (mount.volumeExternal) await requireVolume(context, mount.source);
    const { name } = await context.volumes.ensure(mount.source, mount.volume);
    const { target, readOnly, subpath } = mount;
    made.push({ name, target, readOnly, anonymous, ...(subpath === '' ? {} : { subpath }) });
    entry.record = { ...entry.record, volumes: [...made] };
    await context.store.save(entry.record);
    await context.volumes.acquire(name, entry.id);
  }
  // What the image has at a place is for all of a volume.
  const filled = made.filter(
    ({ subpath }, index) => subpath === undefined && wanted[index]?.mount.volumeNoCopy !== true,
  );
  if (filled.length > 0) await fillVolumes(context, entry, filled);
}

/** Each is in the record before its snapshot is made, so that a crash leaves none that nobody knows. IMAGE_NOT_FOUND. */
async function prepareImages(context: ContainerContext, entry: ContainerEntry, spec: ContainerSpec): Promise<void> {
  const mounts = spec.mounts.filter(({ type }) => type === MountType.IMAGE);
  if (mounts.length === 0) return;
  const found = await Promise.all(mounts.map(({ source }) => context.images.resolve(source)));
  const images = mounts.map(({ source, target, subpath }, index): RecordedImage => {
    return { key: `${entry.id}-image-${index + 1}`, name: source, target, subpath };
  });
  entry.record = { ...entry.record, images };
  await context.store.save(entry.record);
  for (const [index, { key }] of images.entries()) {
    const image = found[index];
    if (image !== undefined) await context.snapshots.prepare(key, image.id);
  }
}

/** One that was made elsewhere must not be taken for an empty one. */
async function requireVolume(context: ContainerContext, name: string): Promise<void> {
  if ((await context.volumes.list([])).some((volume) => volume.name === name)) return;
  throw new GantryError('NOT_FOUND', `external volume "${name}" is not on this node`, {
    hint: 'constrain the service to the node that has it, or create it here with "gantry volume create"',
  });
}

/** A new volume starts with what the image has at its place, as in Docker. */
async function fillVolumes(
  context: ContainerContext,
  entry: ContainerEntry,
  volumes: readonly RecordedVolume[],
): Promise<void> {
  const { rootfs } = containerPaths(context.roots, entry.id);
  await context.snapshots.mount(entry.id, rootfs, 'durable');
  try {
    for (const { name, target } of volumes) {
      const from = directoryInRoot(rootfs, target);
      if (from !== undefined) await context.volumes.populate(name, from);
    }
  } finally {
    await context.snapshots.unmount(rootfs);
  }
}
