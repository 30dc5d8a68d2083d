/** What a command line makes of where a service's tasks may be. Pure. */
import { Placement } from '../../../../proto/generated/gantry/v1/types.ts';
import { editTexts } from './edit-list.ts';
import type { ServiceFlags } from './service-flags.ts';

/** Undefined when it says nothing, so that it is the same as one that was never there. */
export function changedPlacement(
  placement: Placement | undefined,
  { options, edits }: ServiceFlags,
): Placement | undefined {
  const before = placement ?? Placement.create();
  const after: Placement = {
    ...before,
    constraints: editTexts(before.constraints, edits.constraints),
    spread: editTexts(before.spread, edits.spread),
    maxReplicasPerNode: options.replicasMaxPerNode ?? before.maxReplicasPerNode,
    strategy: options.strategy ?? before.strategy,
  };
  const { constraints, spread, maxReplicasPerNode, strategy, platforms, imagePlatforms } = after;
  const lists = [constraints, spread, platforms, imagePlatforms];
  return lists.flat().length + maxReplicasPerNode + strategy > 0 ? after : undefined;
}
