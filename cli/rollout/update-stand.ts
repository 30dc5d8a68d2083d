/** What the managers' books of an update mean for whoever waits for it. Pure. */
import { type Service, UpdateState, type UpdateStatus } from '../../proto/generated/gantry/v1/types.ts';

export type UpdateStand =
  /** There is no update, or it is over as it should be. */
  | { readonly stand: 'settled' }
  | { readonly stand: 'goes-on'; readonly reason: string }
  /** Paused, or taken back because it failed. */
  | { readonly stand: 'halted'; readonly message: string; readonly failedTaskId: string };

export function updateStand(status: UpdateStatus | undefined): UpdateStand {
  switch (status?.state) {
    case UpdateState.UPDATING:
      return { stand: 'goes-on', reason: 'watching whether the new tasks stay up' };
    case UpdateState.ROLLBACK_STARTED:
      return { stand: 'goes-on', reason: `rolling back: ${status.message}` };
    case UpdateState.PAUSED:
    case UpdateState.ROLLBACK_PAUSED:
      return halted(status);
    case UpdateState.ROLLBACK_COMPLETED:
      return status.failedTaskId === '' ? { stand: 'settled' } : halted(status);
    default:
      return { stand: 'settled' };
  }
}

function halted({ message, failedTaskId }: UpdateStatus): UpdateStand {
  return { stand: 'halted', message, failedTaskId };
}

/** The same for the same state of the same update. */
export function updateKey({ id, updateStatus }: Service): string {
  return `${id} ${updateStatus?.startedAtMs ?? 0} ${updateStatus?.state ?? 0}`;
}
