/** What a plan of a stack consists of. */
import type { ChangeKind } from '../../proto/generated/gantry/v1/control.ts';
import type { ObjectTypes } from '../store/objects.ts';
import type { NewObject } from '../store/transaction.ts';

export type PlannedKind = 'network' | 'secret' | 'config' | 'service';

/** One step; `object` is as it will be. A removal is marked on the object: it goes once nothing uses it. */
export type PlanStep = ObjectStep | NewVersion;

type ObjectStep = {
  [K in PlannedKind]:
    | { readonly change: typeof ChangeKind.CREATE; readonly kind: K; readonly object: NewObject<K> }
    | {
        readonly change: typeof ChangeKind.UPDATE | typeof ChangeKind.REMOVE | typeof ChangeKind.UNCHANGED;
        readonly kind: K;
        readonly object: ObjectTypes[K];
      };
}[PlannedKind];

/** Other content under a name: `object` has it, made anew or from before, and the name; `replaces` goes with its last user. */
export type NewVersion = {
  [K in 'secret' | 'config']: {
    readonly change: typeof ChangeKind.UPDATE;
    readonly kind: K;
    readonly object: NewObject<K> | ObjectTypes[K];
    readonly replaces: ObjectTypes[K];
  };
}['secret' | 'config'];
