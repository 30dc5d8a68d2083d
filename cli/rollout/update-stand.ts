/** What the managers' books of an update mean for whoever waits for it. Pure. */
import { type Service, UpdateState, type UpdateStatus } from '../../proto/generated/gantry/v1/types.ts';

export type UpdateStand =
  /** There is no update, or it is over as it should be. */
  | { readonly stand: 'settled' }
  | { readonly stand: 'goes-on'; readonly reason: string }
  /** Paused, or taken back because it failed. `hint`: what can be done. */
  | { readonly stand: 'halted'; readonly message: string; readonly failedTaskId: string; readonly hint: string };

const AFTER_PAUSE = "deploy a spec that works, or go back with 'gantry service rollback'";
const AFTER_ROLLBACK = 'it runs as before; deploy a spec that works';

export function updateStand(status: UpdateStatus | undefined): UpdateStand {
  switch (status?.state) {
    case UpdateState.UPDATING:
      return { stand: 'goes-on', reason: 'watching whether the new tasks stay up' };
    case UpdateState.ROLLBACK_STARTED:
      return { stand: 'goes-on', reason: `rolling back: ${status.message}` };
    case UpdateState.PAUSED:
      return halted(status, AFTER_PAUSE);
    case UpdateState.ROLLBACK_PAUSED:
      return halted(status, 'deploy a spec that works');
    case UpdateState.ROLLBACK_COMPLETED:
      return status.failedTaskId === '' ? { stand: 'settled' } : halted(status, AFTER_ROLLBACK);
    default:
      return { stand: 'settled' };
  }
}

function halted({ message, failedTaskId }: UpdateStatus, hint: string): UpdateStand {
  return { stand: 'halted', message, failedTaskId, hint };
}

/** The same for the same state of the same update. */
export function updateKey({ id, updateStatus }: Service): string {
  return `${id} ${updateStatus?.startedAtMs ?? 0} ${updateStatus?.state ?? 0}`;
}
