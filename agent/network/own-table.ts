/**
 * Whether our nftables table is as our last transaction has left it. Every transaction of anybody counts the ruleset's
 * generation up by one: as long as it is the one that ours led to, nobody has changed anything, and what the table holds then is
 * what it must hold.
 */
import { holdTranslation } from './netlink/nat-rules.ts';
import { generationAfter, rulesetGeneration, type TableContents, tableContents } from './netlink/nf-table.ts';
import { NETLINK_NETFILTER, type NetlinkNative, NetlinkSocket } from './netlink/socket.ts';

export type TableCondition =
  | { readonly kind: 'intact' }
  /** Somebody changed rules before it was known what ours are. */
  | { readonly kind: 'unknown' }
  /** In words. */
  | { readonly kind: 'changed'; readonly what: readonly string[] };

export class OwnTable {
  readonly #native: NetlinkNative;
  readonly #name: string;
  #socket: Promise<NetlinkSocket> | undefined;
  /** In which the table was ours, and only ours. */
  #generation: number | undefined;
  #contents: TableContents | undefined;

  constructor(native: NetlinkNative, name: string) {
    this.#native = native;
    this.#name = name;
  }

  /** `transaction` replaces the table's contents. */
  async replace(transaction: () => Promise<void>): Promise<void> {
    const before = await rulesetGeneration(await this.#open());
    this.#contents = undefined;
    await transaction();
    this.#generation = generationAfter(before);
  }

  async condition(): Promise<TableCondition> {
    const socket = await this.#open();
    const before = await rulesetGeneration(socket);
    if (before === this.#generation && this.#contents !== undefined) return { kind: 'intact' };
    const contents = await tableContents(socket, this.#name);
    const isOurs = before === this.#generation && (await rulesetGeneration(socket)) === before;
    if (isOurs) {
      this.#contents = contents;
      return { kind: 'intact' };
    }
    const what = describeChange(this.#name, this.#contents, contents);
    if (what === undefined) return { kind: 'unknown' };
    if (what.length > 0) return { kind: 'changed', what };
    // Others have changed theirs. Should that go on right now, the next look will be at all of the table again.
    this.#generation = before;
    return { kind: 'intact' };
  }

  async close(): Promise<void> {
    const socket = await this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  #open(): Promise<NetlinkSocket> {
    this.#socket ??= this.#openAndHold();
    return this.#socket;
  }

  /** While it is open, connections under way stay translated even if all rules are flushed; see holdTranslation. */
  async #openAndHold(): Promise<NetlinkSocket> {
    const socket = await NetlinkSocket.open(this.#native, null, NETLINK_NETFILTER);
    try {
      // Before Linux 5.12: nothing can hold them. EPERM: an agent before this one hasn't quite ended.
      await socket.run(holdTranslation(`${this.#name}-hold`), ['EINVAL', 'EOPNOTSUPP', 'EPERM']);
      return socket;
    } catch (error) {
      await socket.close();
      throw error;
    }
  }
}

/** Empty when nothing has changed; undefined when nobody knows. */
export function describeChange(
  name: string,
  before: TableContents | undefined,
  now: TableContents | undefined,
): string[] | undefined {
  if (now === undefined) return [`nftables table ${name}`];
  if (before === undefined) return undefined;
  return [
    ...count(before.difference(now)).map((what) => `${what} of nftables table ${name}`),
    ...count(now.difference(before)).map((what) => `without ${what} that somebody put into nftables table ${name}`),
  ];
}

function count(lines: Iterable<string>): string[] {
  const kinds = Map.groupBy(lines, (line) => line.split(' ', 1)[0] ?? '');
  return [...kinds].map(([kind, { length }]) => (length === 1 ? `1 ${kind}` : `${length} ${kind}s`));
}
