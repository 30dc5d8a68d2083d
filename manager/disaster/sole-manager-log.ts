/** The log of a cluster of one, made from the state of a larger one: nothing but a snapshot. */
import assert from 'node:assert/strict';
import { GantryError } from '../../proto/errors.ts';
import { StoreTransaction } from '../../proto/generated/gantry/v1/store.ts';
import type { LogContent } from '../replication/durable-log.ts';
import { aloneContent } from '../replication/first-content.ts';
import type { StoreState } from '../store/state.ts';
import { TransactionBatch } from '../store/transaction.ts';
import { takeOver } from './take-over.ts';

export interface StateToTakeOver {
  readonly state: StoreState;
  /** Of the last entry that is in the state, and the highest term there was. */
  readonly index: number;
  readonly term: number;
}

/**
 * One entry later than the state: what takes over is a change like any other, so that objects' versions go on growing.
 * In a new term: whatever the managers that are gone still say is of an older one. WRONG_STATE for a state without a
 * cluster.
 */
export async function soleManagerLog(
  { state, index, term }: StateToTakeOver,
  nodeId: string,
  nowMs: number,
): Promise<LogContent> {
  if (state.committed.find('cluster', { by: 'all' }).length === 0) {
    throw new GantryError('WRONG_STATE', 'there is no cluster in this state: the manager had not caught up', {
      hint: 'recover on another manager, or restore a backup',
    });
  }
  const next = { index: index + 1, term: term + 1 };
  const actions = state.tentatively((tables) => {
    const batch = new TransactionBatch(tables, nowMs);
    batch.run((tx) => takeOver(tx, nodeId));
    return batch.actions;
  });
  state.apply(next.index, StoreTransaction.encode({ actions: [...actions] }).finish());
  assert.equal(state.rejection(next.index), undefined, 'a change was refused that nothing came before');
  // It says itself where it is once it runs.
  return aloneContent({ id: nodeId, address: '' }, next, await state.snapshot());
}
