/** How often what has happened: shows that a run has met what it is there for. */
export type Tally = Map<string, number>;

export function count(tally: Tally, name: string, times = 1): void {
  tally.set(name, (tally.get(name) ?? 0) + times);
}

export function addTally(to: Tally, from: ReadonlyMap<string, number>): void {
  for (const [name, times] of from) count(to, name, times);
}
