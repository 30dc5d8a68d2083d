/** What a deployment changes, as lines for a user. */
import { ChangeKind, ObjectKind, type StackChange } from '../../proto/generated/gantry/v1/control.ts';

const CHANGE_WORDS: ReadonlyMap<ChangeKind, string> = new Map([
  [ChangeKind.CREATE, 'Creating'],
  [ChangeKind.UPDATE, 'Updating'],
  [ChangeKind.REMOVE, 'Removing'],
]);

const KIND_WORDS: ReadonlyMap<ObjectKind, string> = new Map([
  [ObjectKind.SERVICE, 'service'],
  [ObjectKind.NETWORK, 'network'],
  [ObjectKind.SECRET, 'secret'],
  [ObjectKind.CONFIG, 'config'],
]);

/** "service" */
export function kindWord(kind: ObjectKind): string {
  return KIND_WORDS.get(kind) ?? 'object';
}

/** "Creating network shop_default"; nothing for what stays as it is. */
export function changeLines(changes: readonly StackChange[]): string[] {
  return changes.flatMap(({ change, kind, name }) => {
    const word = CHANGE_WORDS.get(change);
    return word === undefined ? [] : [`${word} ${kindWord(kind)} ${name}`];
  });
}

/** Ids of the services whose spec is new. */
export function changedServices(changes: readonly StackChange[]): Set<string> {
  const isChanged = ({ change, kind }: StackChange) =>
    kind === ObjectKind.SERVICE && (change === ChangeKind.CREATE || change === ChangeKind.UPDATE);
  return new Set(changes.filter(isChanged).map(({ id }) => id));
}
