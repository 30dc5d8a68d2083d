/** What is reached from where one begins, that included, in the order in which it is reached. Circles end. Pure. */
export function reachable<Item>(start: Iterable<Item>, next: (item: Item) => Iterable<Item>): Set<Item> {
  const found = new Set(start);
  // What is added meanwhile has its turn, too.
  for (const item of found) for (const other of next(item)) found.add(other);
  return found;
}
