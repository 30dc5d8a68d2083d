/** Loses, doubles, delays and reorders messages, and keeps some pairs of nodes apart, in one direction or both. */
import type { Message, PeerId } from '../../manager/raft/message.ts';
import type { Random } from './prng.ts';
import type { Scheduler, SimulatedMs } from './scheduler.ts';

export interface NetworkConditions {
  /** Of a message to get lost, or to arrive twice. */
  readonly lossProbability: number;
  readonly duplicateProbability: number;
  /** Beside that of a message with entries, as large ones are lost more easily. */
  readonly entryLossProbability: number;
  /** Uniform up to this; so messages overtake each other. */
  readonly delayMs: SimulatedMs;
  /** Of a message to take the long way, uniform up to longDelayMs. */
  readonly longDelayProbability: number;
  readonly longDelayMs: SimulatedMs;
}

export const CALM_NETWORK: NetworkConditions = {
  lossProbability: 0,
  duplicateProbability: 0,
  entryLossProbability: 0,
  delayMs: 10,
  longDelayProbability: 0,
  longDelayMs: 0,
};

export interface NetworkEnds {
  deliver(message: Message): void;
  /** The sender's transport has noticed that the message won't arrive. */
  lost(message: Message): void;
}

export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #ends: NetworkEnds;
  #conditions: NetworkConditions;
  /** "from>to" */
  readonly #blocked = new Set<string>();

  constructor(scheduler: Scheduler, random: Random, conditions: NetworkConditions, ends: NetworkEnds) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#conditions = conditions;
    this.#ends = ends;
  }

  send(message: Message): void {
    const { lossProbability, duplicateProbability, entryLossProbability } = this.#conditions;
    const large = message.type === 'append' && message.entries.length > 0;
    if (this.#random.chance(lossProbability) || (large && this.#random.chance(entryLossProbability))) {
      this.#lose(message);
      return;
    }
    this.#scheduler.after(this.#delay(), () => this.#arrive(message));
    if (this.#random.chance(duplicateProbability)) this.#scheduler.after(this.#delay(), () => this.#arrive(message));
  }

  /** Nothing gets from one to the other any more, also of what is on its way. */
  block(from: PeerId, to: PeerId): void {
    this.#blocked.add(`${from}>${to}`);
  }

  /** Keeps the two sides apart in both directions. */
  separate(one: readonly PeerId[], other: readonly PeerId[]): void {
    for (const left of one) {
      for (const right of other) {
        this.block(left, right);
        this.block(right, left);
      }
    }
  }

  unblockAll(): void {
    this.#blocked.clear();
  }

  become(conditions: NetworkConditions): void {
    this.#conditions = conditions;
  }

  #arrive(message: Message): void {
    if (this.#blocked.size > 0 && this.#blocked.has(`${message.from}>${message.to}`)) this.#lose(message);
    else this.#ends.deliver(message);
  }

  #lose(message: Message): void {
    this.#scheduler.after(this.#delay(), () => this.#ends.lost(message));
  }

  #delay(): SimulatedMs {
    const { delayMs, longDelayProbability, longDelayMs } = this.#conditions;
    return this.#random.between(1, this.#random.chance(longDelayProbability) ? longDelayMs : delayMs);
  }
}
