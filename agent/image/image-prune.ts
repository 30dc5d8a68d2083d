/** Which images `image prune` takes away, by Docker's rules. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { createdAtMs } from './image-config.ts';
import { parseUntil } from './image-filter.ts';
import { type ImageRecord, type IndexState, withoutImages, withoutNames } from './image-index.ts';
import { isDigestName, namesOf } from './image-lookup.ts';
import { planRemoval, type RemovalPlan } from './image-removal.ts';
import { besides, visibleImages } from './index-images.ts';

export interface PruneFilter {
  /** Also those with names. */
  readonly all: boolean;
  /** Docker's: until=SECONDS, label=K[=V], label!=K[=V]. Others throw INVALID_ARGUMENT. */
  readonly filters: readonly string[];
}

export interface Pruned {
  /** One for each image. */
  readonly plans: readonly RemovalPlan[];
  /** What is left. */
  readonly state: IndexState;
}

/** Images that no container was made from, as far as the filters leave them. */
export function planPrune(state: IndexState, { all, filters }: PruneFilter, isUsed: (id: Digest) => boolean): Pruned {
  const tests = filters.map(parseFilter);
  const byId = new Map(visibleImages(state).map((record) => [record.id, record]));
  const chosen = [...byId.values()]
    .filter(({ id }) => ![id, ...besides(state, id).map((beside) => beside.id)].some(isUsed))
    .filter(({ id }) => all || namesOf(state, id).every(isDigestName))
    .filter((record) => tests.every((test) => test(record)));
  return planRemovals(
    state,
    chosen.map(({ id }) => id),
  );
}

/** One after the other: a layer goes with the last image that has it. */
export function planRemovals(before: IndexState, ids: readonly Digest[]): Pruned {
  let state = before;
  const plans: RemovalPlan[] = [];
  for (const id of ids) {
    const plan = planRemoval(state, id, { force: true, isUsed: () => undefined });
    state = withoutImages(withoutNames(state, plan.names), plan.manifests);
    plans.push(plan);
  }
  return { plans, state };
}

type Test = (record: ImageRecord) => boolean;

function parseFilter(filter: string): Test {
  const [, key = '', value = ''] = /^(until|label|label!)=(.*)$/s.exec(filter) ?? [];
  if (key === 'until') {
    const until = parseUntil(value);
    return ({ document }) => createdAtMs(document) < until;
  }
  if (key === 'label') return (record) => hasLabel(record, value);
  if (key === 'label!') return (record) => !hasLabel(record, value);
  throw new GantryError('INVALID_ARGUMENT', `invalid filter ${JSON.stringify(filter)}`, {
    hint: 'filters of a prune are until=..., label=... and label!=...',
  });
}

function hasLabel({ document }: ImageRecord, wanted: string): boolean {
  const { labels } = document.config;
  const equals = wanted.indexOf('=');
  if (equals === -1) return Object.hasOwn(labels, wanted);
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}
