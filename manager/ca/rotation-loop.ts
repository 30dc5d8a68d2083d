/** Ends a rotation of the authority when all nodes have come along. What nodes have to do for it they are told in their sessions. */
import type { Logger } from 'pino';
import { toGantryError } from '../../proto/errors.ts';
import type { NodeTls } from '../../proto/generated/gantry/v1/types.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { newJoinTokens } from '../../proto/join-token.ts';
import { rootDigest, tlsOf } from '../../proto/root-certificates.ts';
import type { Clock } from '../clock.ts';
import type { LiveIdentity } from '../identity.ts';
import type { AskPeers } from '../peer-status.ts';
import type { Store } from '../store/store.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { theCluster } from '../store/the-cluster.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import { nextRotationStep, type RotationStep } from './rotation.ts';

export interface RotationLoopOptions {
  readonly store: Store;
  readonly nodeId: string;
  readonly identity: Pick<LiveIdentity, 'current'>;
  readonly askPeers: AskPeers;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

/** Managers take up their certificates without an event in the store: they are asked this often. */
const PERIOD_MS = 500;
/** With nodes that are down it may be for long: it is said this often that they are waited for. */
const REMINDER_MS = 3_600_000;

/** Until the signal aborts. */
export async function runRotationLoop(options: RotationLoopOptions, signal: AbortSignal): Promise<void> {
  const { store, clock, logger } = options;
  const watch = store.watch({ kinds: ['cluster'] });
  let remindAtMs = 0;
  try {
    while (!signal.aborted) {
      const step = await advance(options, signal);
      if (step.step === 'wait' && clock.now() >= remindAtMs) {
        logger.info({ nodes: step.nodeIds }, 'the rotation of the authority waits for nodes');
        remindAtMs = clock.now() + REMINDER_MS;
      }
      if (step.step === 'wait') await clock.sleep(PERIOD_MS, signal);
      else await watch.changed(signal);
      watch.take();
    }
  } finally {
    watch.close();
  }
}

/** Looks, and does what there is to do; 'wait' also when it couldn't. */
async function advance(options: RotationLoopOptions, signal: AbortSignal): Promise<RotationStep> {
  const { store, random, logger } = options;
  const step = store.view((read) => stepIn(read, new Map()));
  if (step.step !== 'finish') return step;
  try {
    const shown = await shownByManagers(options, signal);
    // Nodes may have joined meanwhile.
    return await store.update((tx) => {
      const now = stepIn(tx, shown);
      if (now.step === 'finish') finishRotation(tx, random, logger);
      return now;
    });
  } catch (error) {
    logger.info(
      { error: toGantryError(error).message },
      'the rotation of the authority is not ended yet; trying again',
    );
    return { step: 'wait', nodeIds: [] };
  }
}

function stepIn(read: ReadTransaction, shown: ReadonlyMap<string, NodeTls>): RotationStep {
  const [cluster] = read.find('cluster', { by: 'all' });
  if (cluster?.caRotation === undefined) return { step: 'none' };
  return nextRotationStep(cluster, read.find('node', { by: 'all' }), shown);
}

async function shownByManagers(
  { nodeId, identity, askPeers }: RotationLoopOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, NodeTls>> {
  const answers = await askPeers(signal);
  const shown = answers.flatMap((answer) => (answer?.tls === undefined ? [] : [[answer.nodeId, answer.tls] as const]));
  const own = identity.current;
  return new Map(own === undefined ? shown : [...shown, [nodeId, tlsOf(own)]]);
}

function finishRotation(tx: WriteTransaction, random: RandomBytes, logger: Logger): void {
  const cluster = theCluster(tx);
  const rootCa = cluster.caRotation?.rootCa;
  if (rootCa === undefined) return;
  const joinTokens = newJoinTokens(rootCa.certificate, random);
  tx.update('cluster', { ...cluster, rootCa, caRotation: undefined, joinTokens });
  logger.info(
    { root: rootDigest(rootCa.certificate) },
    'the authority is rotated: all nodes have certificates of the new root',
  );
}
