/**
 * A running container held still while something is read from it: its processes are frozen by their cgroup. A file in its
 * bundle says so, so that the next gantryd lets go of what a crash left frozen.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import type { ContainerEntry } from './container-entry.ts';
import { containerPaths, runtimeRoot } from './container-paths.ts';
import type { ContainerContext } from './context.ts';

/** One that doesn't run is still anyway. What stops or kills it meanwhile does so; `read` then sees what is left. */
export async function whileFrozen<T>(
  context: ContainerContext,
  entry: ContainerEntry,
  read: () => Promise<T>,
): Promise<T> {
  return await entry.freezing.run(async () => {
    // What is paused stays so.
    if (entry.run === undefined || entry.status === ContainerStatus.PAUSED) return await read();
    await writeFile(markOf(context, entry), '');
    try {
      await freezeForReading(context, entry);
      return await read();
    } finally {
      await thaw(context, entry);
    }
  });
}

async function freezeForReading(context: ContainerContext, entry: ContainerEntry): Promise<void> {
  try {
    await setFrozen(context, entry, 'pause');
  } catch (error) {
    const { message } = toGantryError(error);
    throw new GantryError('HOST', message, {
      cause: error,
      hint: 'with --pause=false it is committed while it goes on',
    });
  }
}

/** After a start of gantryd, of a container that runs. */
export async function thawAfterCrash(context: ContainerContext, entry: ContainerEntry): Promise<void> {
  if (!existsSync(markOf(context, entry))) return;
  context.logger.info(entry.logFields, 'going on with a container that was left frozen');
  await thaw(context, entry);
}

async function thaw(context: ContainerContext, entry: ContainerEntry): Promise<void> {
  try {
    await setFrozen(context, entry, 'resume');
  } catch (error) {
    // One that has ended, or that could not be frozen in the first place, needs no thawing.
    context.logger.debug({ err: error, ...entry.logFields }, 'container not thawed');
  }
  await rm(markOf(context, entry), { force: true });
}

function markOf(context: ContainerContext, { id }: ContainerEntry): string {
  return join(containerPaths(context.roots, id).bundle, 'frozen');
}

/** Freezes or thaws its processes. Freezing what is frozen is no failure; HOST when it doesn't run. */
export async function setFrozen(
  { roots }: ContainerContext,
  { id, record }: ContainerEntry,
  command: 'pause' | 'resume',
): Promise<void> {
  try {
    await promisify(execFile)(roots.runtime, ['--root', runtimeRoot(roots.execRoot), command, id]);
  } catch (error) {
    throw new GantryError('HOST', `could not ${command} the container ${record.name}: ${String(error)}`, {
      cause: error,
    });
  }
}
