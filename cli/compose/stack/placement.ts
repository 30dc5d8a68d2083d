/** Where tasks may be: `deploy.placement`, `platform` and `x-gantry.strategy`. */
import { parseConstraint, parseSpread } from '../../../proto/constraint.ts';
import { Placement, type PlacementStrategy, type Platform } from '../../../proto/generated/gantry/v1/types.ts';
import { parsePlatform } from '../../../proto/platform.ts';
import type { ModelCursor } from './model-cursor.ts';

export function convertPlacement(cursor: ModelCursor): Placement {
  return cursor.object({}, (fields) =>
    Placement.fromPartial({
      constraints: fields.get('constraints', (list) => list.items(readConstraint)) ?? [],
      spread: fields.get('preferences', (list) => list.items(readPreference)) ?? [],
      maxReplicasPerNode: fields.get('max_replicas_per_node', (one) => one.integer(0, 100_000)) ?? 0,
    }),
  );
}

function readConstraint(item: ModelCursor): string {
  const constraint = parseConstraint(item.text());
  if ('hint' in constraint) throw item.problem(constraint.message, constraint.hint);
  return constraint.text;
}

function readPreference(item: ModelCursor): string {
  return item.object({}, (fields) => {
    const spread = fields.cursor('spread');
    if (spread === undefined) throw item.problem('has no spread', 'write "spread: node.labels.NAME"');
    const attribute = parseSpread(spread.text());
    if ('hint' in attribute) throw spread.problem(attribute.message, attribute.hint);
    return spread.text();
  });
}

export function convertPlatform(cursor: ModelCursor): Platform {
  const platform = parsePlatform(cursor.text());
  if (platform !== undefined) return platform;
  throw cursor.problem(
    `"${cursor.text()}" is not a platform of nodes`,
    'write it as linux/amd64 or linux/arm64: nodes tell no variant of theirs',
  );
}

/** Undefined when it says nothing, so that it is the same as one that isn't there. */
export function placementOf(
  placement: Placement | undefined,
  strategy: PlacementStrategy | undefined,
  platform: Platform | undefined,
): Placement | undefined {
  const { constraints, spread, maxReplicasPerNode, ...rest } = placement ?? Placement.create();
  const says = constraints.length + spread.length + maxReplicasPerNode > 0;
  if (!says && strategy === undefined && platform === undefined) return undefined;
  return {
    ...{ ...rest, constraints, spread, maxReplicasPerNode },
    strategy: strategy ?? rest.strategy,
    platforms: platform === undefined ? rest.platforms : [platform],
  };
}
