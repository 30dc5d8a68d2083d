/** What goes wrong, in which order: chosen by a seed alone. Hosts are numbers from 0. */
import type { Random } from '../simulation/prng.ts';

export const FAULT_KINDS = [
  'kill',
  'kill the leader',
  'stop',
  'stop the leader',
  'pull the plug',
  'split',
  'deaf',
  'mute',
  'full disk',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Less than half of all, in random order; what befalls one host befalls the first. */
  readonly minority: readonly number[];
  /** Until it is healed. */
  readonly holdMs: number;
  /** From then until the next. */
  readonly restMs: number;
}

/** Every kind once, in random order; then again, without end. */
export function* planFaults(random: Random, hosts: number): Generator<Fault, never> {
  for (;;) {
    for (const kind of shuffled(random, FAULT_KINDS)) {
      const minority = shuffled(
        random,
        Array.from({ length: hosts }, (_, host) => host),
      );
      const size = random.between(1, Math.max(Math.ceil(hosts / 2) - 1, 1));
      const holdMs = random.between(2000, 6000);
      yield { kind, minority: minority.slice(0, size), holdMs, restMs: random.between(500, 3000) };
    }
  }
}

/** Fisher and Yates. */
function shuffled<Item>(random: Random, items: readonly Item[]): Item[] {
  const left = [...items];
  return items.flatMap(() => left.splice(random.below(left.length), 1));
}

/** By host: those from which it gets nothing any more. Empty for a fault that isn't the network's. */
export function deafness({ kind, minority }: Fault, hosts: number): ReadonlyMap<number, readonly number[]> {
  const all = Array.from({ length: hosts }, (_, host) => host);
  const majority = all.filter((host) => !minority.includes(host));
  const between = (listeners: readonly number[], speakers: readonly number[]) =>
    listeners.map((host) => [host, speakers] as const);
  const inward = kind === 'split' || kind === 'deaf' ? between(minority, majority) : [];
  const outward = kind === 'split' || kind === 'mute' ? between(majority, minority) : [];
  return new Map([...inward, ...outward]);
}
