/** Words for nodes: their roles and their availability. */
import { NodeAvailability, NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { parseWord } from './words.ts';

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
