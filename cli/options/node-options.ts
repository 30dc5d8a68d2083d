/** Words for nodes: their roles and their availability. */
import { NodeAvailability, NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { invalidFlag } from '../command-line.ts';

const ROLES: Readonly<Record<string, NodeRole>> = { worker: NodeRole.WORKER, manager: NodeRole.MANAGER };
const AVAILABILITIES: Readonly<Record<string, NodeAvailability>> = {
  active: NodeAvailability.ACTIVE,
  pause: NodeAvailability.PAUSE,
  drain: NodeAvailability.DRAIN,
};

export function parseRole(flag: string, word: string): NodeRole {
  return parseWord(flag, word, ROLES);
}

export function parseAvailability(word: string): NodeAvailability {
  return parseWord('--availability', word, AVAILABILITIES);
}

function parseWord<Value>(flag: string, word: string, values: Readonly<Record<string, Value>>): Value {
  const value = Object.hasOwn(values, word) ? values[word] : undefined;
  if (value === undefined) throw invalidFlag(flag, word, `write one of ${Object.keys(values).join(', ')}`);
  return value;
}
