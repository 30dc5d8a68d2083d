/**
 * A backup becomes this node's manager: it is made ready beside what there is, and then put in its place.
 *
 * Crash points: until DATA_ROOT/restored has its name nothing has happened; from then on every start of gantryd goes on
 * with putting it in place, each step of which can be done again.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import type { ClusterRestoreRequest } from '../../proto/generated/gantry/v1/node.ts';
import { identityDir } from '../../proto/identity-files.ts';
import { type Membership, MembershipFile } from './membership.ts';
import { runOffline } from './offline-manager.ts';

export interface Restored {
  readonly clusterId: string;
  /** What this node runs is the cluster's: it was in it when the backup was made. */
  readonly nodeKnown: boolean;
}

const stagedDir = (dataRoot: string) => join(dataRoot, 'restored');
const partialDir = (dataRoot: string) => join(dataRoot, 'restored.partial');
const membershipIn = (dir: string) => new MembershipFile(join(dir, 'cluster.json'));

/** The options, which come first, and the backup after them. INVALID_ARGUMENT. */
export async function splitRestoreRequests(requests: AsyncIterable<ClusterRestoreRequest>) {
  const messages = requests[Symbol.asyncIterator]();
  const first = await messages.next();
  const message = first.done === true ? undefined : first.value.message;
  if (message?.$case !== 'options') throw new GantryError('INVALID_ARGUMENT', 'restore: the options are missing');
  return { options: message.value, backup: dataOf(messages) };
}

async function* dataOf(messages: AsyncIterator<ClusterRestoreRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
    if (next.value.message?.$case === 'data') yield next.value.message.value;
  }
}

/** Makes the manager ready. Throws what is wrong with the backup; then nothing has changed. */
export async function stageRestoration(
  dataRoot: string,
  membership: Membership,
  unlockKey: string,
  backup: AsyncIterable<Uint8Array>,
): Promise<Restored> {
  const dir = partialDir(dataRoot);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  try {
    const options = { dir: join(dir, 'manager'), nodeId: membership.nodeId, unlockKey };
    const restored = await runOffline<Restored>('restore', options, backup);
    await membershipIn(dir).save({ ...membership, clusterId: restored.clusterId });
    return restored;
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

/** What was made ready counts from here on. */
export async function commitRestoration(dataRoot: string): Promise<void> {
  await rename(partialDir(dataRoot), stagedDir(dataRoot));
  await syncDirectory(dataRoot);
}

/** Idempotent; the node's manager doesn't run. Its certificate is made anew by the restored CA. */
export async function finishRestoration(dataRoot: string, file: MembershipFile): Promise<void> {
  const staged = stagedDir(dataRoot);
  if (!existsSync(staged)) return;
  if (existsSync(join(staged, 'manager'))) {
    await rm(join(dataRoot, 'manager'), { recursive: true, force: true });
    await rm(identityDir(dataRoot), { recursive: true, force: true });
    renameSync(join(staged, 'manager'), join(dataRoot, 'manager'));
  }
  const membership = membershipIn(staged).load();
  if (membership !== undefined) await file.save(membership);
  await syncDirectory(dataRoot);
  await rm(staged, { recursive: true, force: true });
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
