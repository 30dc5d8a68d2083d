/** Before a log in etcd is opened: that there is one, that it is the right one, and that this manager is a member. */
import { GantryError } from '../../../proto/errors.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import type { EtcdConnection } from './connection.ts';
import type { Keys } from './keys.ts';
import { notMember } from './membership.ts';
import { isMissing, put } from './operations.ts';

const FORMAT_VERSION = 1;

interface Format {
  readonly version: number;
  /** Of this log, and no other that was or will be under the prefix. */
  readonly id: string;
}

export type EtcdBeginning =
  /** The first of a new cluster makes the log. */
  | { readonly kind: 'alone' }
  /** Resolves once another manager has taken this one in. */
  | { readonly kind: 'join'; readonly askToJoin: () => Promise<void> };

export interface TakePartOptions {
  readonly member: { readonly id: string /** IP:PORT, or empty. */; readonly address: string };
  /** What to do when this manager is no member yet. */
  readonly begin: EtcdBeginning;
  /** The log that this manager was in when it last ran. */
  readonly knownId: string | undefined;
  /** Called with the log's id as soon as it is certain. */
  readonly onKnown: (id: string) => Promise<void>;
  readonly random: RandomBytes;
}

/** Idempotent. Crash points: the log is made in one transaction; a manager that was taken in before is a member already. */
export async function takePart(connection: EtcdConnection, keys: Keys, options: TakePartOptions): Promise<void> {
  const { member, begin, knownId, onKnown } = options;
  const { version, id } = (await read(connection, keys)) ?? (await make(connection, keys, options));
  if (version !== FORMAT_VERSION) {
    const what = `the log in ${connection.name} has format ${version}, which this version does not know`;
    throw new GantryError('UNSUPPORTED', what, { hint: 'run the newer version of gantryd that wrote it' });
  }
  if (knownId !== undefined && id !== knownId) throw gone(connection);
  const isMember = async () => (await connection.get(keys.member(member.id))) !== undefined;
  if (!(await isMember()) && begin.kind === 'join') await begin.askToJoin();
  if (!(await isMember())) throw notMember(member.id, connection.name);
  await onKnown(id);
}

async function read(connection: EtcdConnection, keys: Keys): Promise<Format | undefined> {
  const found = await connection.get(keys.format);
  return found === undefined ? undefined : (JSON.parse(found.value.toString()) as Format);
}

async function make(connection: EtcdConnection, keys: Keys, options: TakePartOptions): Promise<Format> {
  const { member, begin, knownId, random } = options;
  if (knownId !== undefined) throw gone(connection);
  if (begin.kind === 'join') {
    throw new GantryError('WRONG_STATE', `there is no log in ${connection.name}, where this manager was told to look`, {
      hint: 'give all managers of a cluster the same --store, with the same prefix',
    });
  }
  const format: Format = { version: FORMAT_VERSION, id: newObjectId(random) };
  const { id, address } = member;
  await connection.txn({
    compare: [isMissing(keys.format)],
    success: [put(keys.format, JSON.stringify(format)), put(keys.end, '0'), put(keys.member(id), address)],
  });
  // Another may have been faster.
  return (await read(connection, keys)) ?? format;
}

function gone(connection: EtcdConnection): GantryError {
  return new GantryError('WRONG_STATE', `the log of this manager's cluster is no longer in ${connection.name}`, {
    hint: 'see that --store names the right etcd and prefix, or restore etcd from a backup; "gantry cluster leave --force" gives the cluster up',
  });
}
