/** The registers that clients read and write. Each lives for a short time: long histories take too long to check. */
import type { Random } from '../simulation/prng.ts';
import type { Operation } from './linearizability.ts';
import type { RegisterAddress } from './manager-client.ts';

/** So many clients at once meet on one that their operations overlap. */
const CURRENT = 3;
const MAX_OPERATIONS = 140;
const LIFE_MS = 5000;

export interface Register extends RegisterAddress {
  readonly history: Operation[];
}

interface Current {
  readonly register: Register;
  readonly endsMs: number;
  operations: number;
}

export class Registers {
  readonly all: Register[] = [];
  readonly #nodeIds: readonly string[];
  readonly #current: (Current | undefined)[] = new Array<undefined>(CURRENT).fill(undefined);

  /** Spread over these nodes. */
  constructor(nodeIds: readonly string[]) {
    this.#nodeIds = nodeIds;
  }

  /** One for the next operation; a new one in the place of one that has had enough. */
  pick(random: Random, nowMs: number): Register {
    const place = random.below(CURRENT);
    const found = this.#current[place];
    const current = found === undefined || isOver(found, nowMs) ? this.#begin(nowMs) : found;
    this.#current[place] = current;
    current.operations += 1;
    return current.register;
  }

  #begin(nowMs: number): Current {
    const number = this.all.length;
    const nodeId = this.#nodeIds[number % this.#nodeIds.length] ?? '';
    const register = { nodeId, label: `r${number}`, history: [] };
    this.all.push(register);
    return { register, endsMs: nowMs + LIFE_MS, operations: 0 };
  }
}

function isOver({ endsMs, operations }: Current, nowMs: number): boolean {
  return operations >= MAX_OPERATIONS || nowMs >= endsMs;
}
