/** Changes of membership drawn at random, from single ones to many at once. Pure. */
import type { ConfigChange, Configuration, PeerId, SingleChange } from '../../manager/raft/message.ts';
import type { Random } from './prng.ts';

/** Undefined when chance finds none that makes sense. `pool`: all nodes that could take part. */
export function drawChange(
  random: Random,
  configuration: Configuration,
  pool: readonly PeerId[],
): ConfigChange | undefined {
  if (configuration.votersOutgoing.length > 0 && random.chance(0.8)) return leaveJoint();
  const wanted = random.chance(0.6) ? 1 : random.between(2, 4);
  const changes: SingleChange[] = [];
  for (let attempt = 0; attempt < wanted; attempt += 1) {
    const change = drawSingle(random, configuration, pool);
    if (change !== undefined && changes.every(({ node }) => node !== change.node)) changes.push(change);
  }
  if (changes.length === 0 || votersAfter(configuration, changes) === 0) return undefined;
  const transition = random.pick(['auto', 'auto', 'joint-implicit', 'joint-explicit'] as const) ?? 'auto';
  return { transition, changes, context: new Uint8Array() };
}

/** Ends a change that was made in two steps. */
export function leaveJoint(): ConfigChange {
  return { transition: 'auto', changes: [], context: new Uint8Array() };
}

export function membersOf({ voters, votersOutgoing, learners }: Configuration): readonly PeerId[] {
  return [...voters, ...votersOutgoing, ...learners];
}

export function isMember(configuration: Configuration, id: PeerId): boolean {
  return membersOf(configuration).includes(id);
}

/** Whether those who go on voting are a majority of the voters so far: enough to elect a leader that knows of the change. */
export function keepsMajority({ voters }: Configuration, { changes }: ConfigChange): boolean {
  const losing = changes.filter(
    ({ type, node }) => (type === 'remove' || type === 'add-learner') && voters.includes(node),
  );
  return 2 * (voters.length - losing.length) > voters.length;
}

function drawSingle(
  random: Random,
  { voters, learners }: Configuration,
  pool: readonly PeerId[],
): SingleChange | undefined {
  const node = random.pick(pool);
  if (node === undefined) return undefined;
  if (learners.includes(node)) return { type: random.chance(0.8) ? 'add-voter' : 'remove', node };
  if (voters.includes(node)) return { type: random.chance(0.7) ? 'remove' : 'add-learner', node };
  return { type: random.chance(0.5) ? 'add-learner' : 'add-voter', node };
}

function votersAfter({ voters }: Configuration, changes: readonly SingleChange[]): number {
  const after = new Set(voters);
  for (const { type, node } of changes) {
    if (type === 'add-voter') after.add(node);
    else if (type !== 'update') after.delete(node);
  }
  return after.size;
}
