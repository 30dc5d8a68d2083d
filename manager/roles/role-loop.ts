/** Takes out of the log who isn't to be a manager any more. Nobody is taken out while that would cost the quorum. */
import type { Logger } from 'pino';
import { type GantryError, toGantryError } from '../../proto/errors.ts';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import type { Clock } from '../clock.ts';
import type { ReplicatedLog } from '../replication/replicated-log.ts';
import type { Store } from '../store/store.ts';
import { type MembershipStep, nextMembershipStep } from './membership-plan.ts';

export interface RoleLoopOptions {
  readonly store: Store;
  readonly log: Pick<ReplicatedLog, 'members' | 'removeMember' | 'transferLeadership'>;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly logger: Logger;
}

/** The log's members change without an event in the store: they are looked at this often. */
const PERIOD_MS = 1000;

/** Until the signal aborts. */
export async function runRoleLoop(options: RoleLoopOptions, signal: AbortSignal): Promise<void> {
  const { store, log, clock, nodeId } = options;
  const watch = store.watch({ kinds: ['node'] });
  let complaint = '';
  try {
    while (!signal.aborted) {
      const step = nextMembershipStep(log.members(), managersIn(store), nodeId);
      const error = step && (await execute(options, step));
      if (error !== undefined && error.message !== complaint) {
        options.logger.warn(
          { err: error, step },
          'the managers cannot be brought in line with the roles of their nodes',
        );
      }
      complaint = error?.message ?? '';
      await nodesChanged(watch.changed.bind(watch), clock, signal);
      watch.take();
    }
  } finally {
    watch.close();
  }
}

function managersIn(store: Store): Set<string> {
  const nodes = store.view((read) => read.find('node', { by: 'all' }));
  return new Set(nodes.filter((node) => node.spec.role === NodeRole.MANAGER).map((node) => node.id));
}

/** Why it couldn't be done; it is tried again. */
async function execute({ log, logger }: RoleLoopOptions, step: MembershipStep): Promise<GantryError | undefined> {
  try {
    if (step.step === 'remove') await log.removeMember(step.nodeId, { force: false });
    else await log.transferLeadership();
    logger.info(step, 'managers brought in line with the roles of their nodes');
    return undefined;
  } catch (error) {
    return toGantryError(error);
  }
}

async function nodesChanged(
  changed: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const turn = new AbortController();
  const either = AbortSignal.any([signal, turn.signal]);
  await Promise.race([changed(either), clock.sleep(PERIOD_MS, either)]);
  turn.abort();
}
