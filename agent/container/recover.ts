/**
 * After a start of gantryd: which containers still run is asked of their shims, what ended meanwhile is dealt with as
 * if it ended now, and what a crash left half done is finished or undone.
 */
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import type { ContainerId } from '../../proto/ids.ts';
import type { ExitRecord, FoundShim } from '../shim/shims.ts';
import { specOf } from './assemble.ts';
import { reconnect } from './connections.ts';
import { ContainerEntry } from './container-entry.ts';
import { bundlesRoot, containerPaths, recordsRoot, shimOptions } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import { setFrozen, thawAfterCrash } from './frozen.ts';
import { endShim, type Lifecycle } from './lifecycle.ts';
import type { ContainerRecord } from './record.ts';
import { release } from './release.ts';
import { removeBundle, removeContainer } from './remove.ts';
import { startsWithHost } from './restart-policy.ts';
import { clearParts } from './volume-parts.ts';

/** As Docker says of a container that was lost with its host. */
const LOST_EXIT_CODE = 255;

interface Found {
  readonly entry: ContainerEntry;
  readonly shim: FoundShim;
}

/** Throws only when nothing can be said of any container; what goes wrong with one is logged. */
export async function recoverContainers(context: ContainerContext, lifecycle: Lifecycle): Promise<void> {
  // Root file systems are mounted below, with what set-user-ID programs are in them: nobody else may get there.
  await mkdir(bundlesRoot(context.roots.execRoot), { recursive: true, mode: 0o700 });
  await chmod(bundlesRoot(context.roots.execRoot), 0o700);
  await clearParts(context.native, context.roots.execRoot);
  const records = await context.store.load();
  context.native.spreadSubdirectories(recordsRoot(context.roots.dataRoot));
  const found = await Promise.all(records.map((record) => find(context, record)));
  for (const { entry } of found) context.index.add(entry);
  await removeOrphans(context);
  await context.networks.recover(found.filter(keepsNetwork).map(({ entry }) => entry.id));
  await Promise.all(found.map((one) => recoverLogged(context, lifecycle, one)));
}

async function find(context: ContainerContext, record: ContainerRecord): Promise<Found> {
  const entry = new ContainerEntry(record, containerPaths(context.roots, record.id).log);
  return { entry, shim: await findShim(context, entry) };
}

/** A bundle of another boot has nothing running, whatever its files say. */
async function findShim(context: ContainerContext, entry: ContainerEntry): Promise<FoundShim> {
  const { record } = entry;
  if (record.bootId !== context.bootId || !mayHaveRun(record)) return { kind: 'lost' };
  return context.shims.find(shimOptions(context.roots, record.id, record.config.log, specOf(entry)));
}

function mayHaveRun({ phase, state }: ContainerRecord): boolean {
  return phase === 'starting' || phase === 'removing' || isUp(state.status);
}

function isUp(status: ContainerStatus): boolean {
  return status === ContainerStatus.RUNNING || status === ContainerStatus.PAUSED;
}

/** Its addresses and ports stay its own while it runs, and between two runs. */
function keepsNetwork({ entry, shim }: Found): boolean {
  if (entry.record.phase !== 'idle') return false;
  return shim.kind === 'alive' || entry.status === ContainerStatus.RESTARTING;
}

async function recoverLogged(context: ContainerContext, lifecycle: Lifecycle, found: Found): Promise<void> {
  try {
    await found.entry.queue.run(() => recoverOne(context, lifecycle, found));
  } catch (error) {
    context.logger.error({ err: error, ...found.entry.logFields }, 'container not recovered');
  }
}

async function recoverOne(context: ContainerContext, lifecycle: Lifecycle, { entry, shim }: Found): Promise<void> {
  const { phase, state } = entry.record;
  if (phase === 'creating' || phase === 'removing') {
    if (shim.kind === 'alive') await endShim(shim.shim);
    return removeContainer(context, entry, true);
  }
  // Who holds a volume is only known in memory; one that can't be mounted now shows when the container starts.
  await acquireVolumes(context, entry);
  if (phase === 'starting') return undoStart(context, entry, shim);
  if (isUp(state.status)) return recoverRun(context, lifecycle, entry, shim);
  if (state.status === ContainerStatus.RESTARTING) return lifecycle.scheduleRestart(entry, entry.record.restartDelayMs);
  await release(context, entry);
  resumeWithHost(context, lifecycle, entry);
}

/** Nobody was told that it had started. A task's is started again by its worker, others by their users. */
async function undoStart(context: ContainerContext, entry: ContainerEntry, shim: FoundShim): Promise<void> {
  if (shim.kind === 'alive') await endShim(shim.shim);
  if (entry.record.config.autoRemove) return removeContainer(context, entry, true);
  await release(context, entry);
  const { state } = entry.record;
  const interrupted = isUp(state.status) || state.status === ContainerStatus.RESTARTING;
  const status = interrupted ? ContainerStatus.EXITED : state.status;
  entry.record = { ...entry.record, phase: 'idle', state: { ...state, status, pid: 0 } };
  await context.store.save(entry.record);
}

async function recoverRun(
  context: ContainerContext,
  lifecycle: Lifecycle,
  entry: ContainerEntry,
  found: FoundShim,
): Promise<void> {
  if (found.kind === 'alive') {
    lifecycle.watch(entry, { shim: found.shim, ended: Promise.withResolvers() });
    await thawAfterCrash(context, entry);
    // It may not have come to that before the crash.
    if (entry.status === ContainerStatus.PAUSED) await setFrozen(context, entry, 'pause');
    return reconnect(context, entry);
  }
  const exit = found.kind === 'exited' ? found.record : lost(context);
  context.logger.info({ ...entry.logFields, ...exit }, 'container ended while gantryd was away');
  // The snapshot may still be mounted where the runtime left it.
  await release(context, entry);
  await lifecycle.recordExit(entry, exit);
}

function lost(context: ContainerContext): ExitRecord {
  return { code: LOST_EXIT_CODE, oomKilled: false, finishedAtMs: context.now() };
}

async function acquireVolumes(context: ContainerContext, { record }: ContainerEntry): Promise<void> {
  for (const { name } of record.volumes) {
    try {
      await context.volumes.acquire(name, record.id);
    } catch (error) {
      context.logger.warn({ err: error, container: record.id, volume: name }, 'volume of container not there');
    }
  }
}

function resumeWithHost(context: ContainerContext, lifecycle: Lifecycle, entry: ContainerEntry): void {
  const { config, stoppedBy, bootId } = entry.record;
  if (!startsWithHost(config.restart, stoppedBy, bootId !== context.bootId)) return;
  // Not awaited, nor from within the queue: the daemon's start doesn't depend on a container's.
  lifecycle.start(entry).catch((error: unknown) => {
    context.logger.warn({ err: error, ...entry.logFields }, 'container not started with the host');
  });
}

/** Bundles without a record: of containers whose data root was cleared, say. */
async function removeOrphans(context: ContainerContext): Promise<void> {
  const ids = (await readdir(bundlesRoot(context.roots.execRoot))) as ContainerId[];
  for (const id of ids.filter((one) => !context.index.has(one))) {
    try {
      await removeOrphan(context, id);
    } catch (error) {
      context.logger.error({ err: error, container: id }, 'bundle without a record not removed');
    }
  }
}

async function removeOrphan(context: ContainerContext, id: ContainerId): Promise<void> {
  const found = await context.shims.find(shimOptions(context.roots, id, undefined, { tty: false, openStdin: false }));
  if (found.kind === 'alive') await endShim(found.shim);
  await context.snapshots.unmount(containerPaths(context.roots, id).rootfs);
  await removeBundle(context, id);
}
