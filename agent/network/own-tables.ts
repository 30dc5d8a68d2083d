/**
 * Whether our nftables tables are as our last transactions have left them. Every transaction of anybody counts the ruleset's
 * generation up by one. So the generation less the number of our own transactions changes only when somebody else changes something.
 */
import { GantryError } from '../../proto/errors.ts';
import { addressFromBytes } from './ipv6/address-bytes.ts';
import type { Request } from './netlink/message.ts';
import { holdTranslation } from './netlink/nat-rules.ts';
import { transaction } from './netlink/nf-batch.ts';
import {
  AF_INET,
  AF_INET6,
  rulesetGeneration,
  setKeys,
  type TableContents,
  tableContents,
} from './netlink/nf-table.ts';
import { NETLINK_NETFILTER, type NetlinkNative, NetlinkSocket } from './netlink/socket.ts';

type TableCondition =
  | { readonly kind: 'intact' }
  /** Somebody changed rules before it was known what ours are. */
  | { readonly kind: 'unknown' }
  /** In words. */
  | { readonly kind: 'changed'; readonly what: readonly string[] };

/** All transactions of this process. */
export class OwnTransactions {
  readonly #native: NetlinkNative;
  readonly #hold: string;
  #holding6: Promise<unknown> | undefined;
  #socket: Promise<NetlinkSocket> | undefined;
  #done = 0;
  #active = 0;
  /** How many others had done when those that are active began. */
  #others: Promise<number> = Promise.resolve(0);

  /** `hold`: name of a table that keeps connections translated; see holdTranslation. */
  constructor(native: NetlinkNative, hold: string) {
    this.#native = native;
    this.#hold = hold;
  }

  /** Returns how many transactions others had done before; only differences of such numbers mean something. */
  async run(transaction: () => Promise<void>): Promise<number> {
    if (this.#active === 0) this.#others = this.#countOthers();
    this.#active += 1;
    try {
      const others = await this.#others;
      await transaction();
      this.#done += 1;
      return others;
    } finally {
      this.#active -= 1;
    }
  }

  /** The same now; undefined while one of ours is under way, after which the kernel tells that something has changed. */
  async others(): Promise<number | undefined> {
    const done = this.#done;
    if (this.#active > 0) return undefined;
    const others = await this.#countOthers();
    return this.#active > 0 || this.#done !== done ? undefined : others;
  }

  /** One transaction, without nft(8). Throws HOST. */
  async send(messages: readonly Request[]): Promise<void> {
    try {
      await (await this.#open()).run(transaction(messages));
    } catch (error) {
      throw new GantryError('HOST', "the kernel refused to change the node's rules", { cause: error });
    }
  }

  /** As for IPv4 from the beginning, once there are rules for IPv6: else no host needs to track its connections. */
  async holdIpv6(): Promise<void> {
    const hold = async () => (await this.#open()).run(holdTranslation({ family: 'ip6', name: this.#hold }), NO_HOLD);
    this.#holding6 ??= this.run(hold);
    await this.#holding6;
  }

  async contents(table: string, family: number): Promise<TableContents | undefined> {
    return tableContents(await this.#open(), table, family);
  }

  async setKeys(table: string, set: string, family: number): Promise<Buffer[]> {
    return setKeys(await this.#open(), table, set, family);
  }

  async close(): Promise<void> {
    const socket = await this.#socket;
    this.#socket = undefined;
    this.#holding6 = undefined;
    await socket?.close();
  }

  async #countOthers(): Promise<number> {
    return (await rulesetGeneration(await this.#open())) - this.#done;
  }

  #open(): Promise<NetlinkSocket> {
    this.#socket ??= this.#openAndHold();
    return this.#socket;
  }

  async #openAndHold(): Promise<NetlinkSocket> {
    const socket = await NetlinkSocket.open(this.#native, null, NETLINK_NETFILTER);
    try {
      await socket.run(holdTranslation({ family: 'ip', name: this.#hold }), NO_HOLD);
      return socket;
    } catch (error) {
      await socket.close();
      throw error;
    }
  }
}

/** Kernels that know of no tables with an owner; and EPERM: an agent before this one hasn't quite ended. */
const NO_HOLD = ['EINVAL', 'ENOTSUP', 'EPERM'];

export class OwnTable {
  readonly #transactions: OwnTransactions;
  readonly #name: string;
  readonly #family: number;
  /** How many transactions others had done when the table was right. */
  #others: number | undefined;
  #contents: TableContents | undefined;
  #isInDoubt: boolean = false;
  #restored: readonly string[] = [];

  constructor(transactions: OwnTransactions, name: string, family = AF_INET) {
    this.#transactions = transactions;
    this.#name = name;
    this.#family = family;
  }

  /** Whether it is there at all. */
  async isThere(): Promise<boolean> {
    return (await this.#transactions.contents(this.#name, this.#family)) !== undefined;
  }

  /** `transaction` makes all of the table's contents anew. */
  async replace(transaction: () => Promise<void>): Promise<void> {
    this.#contents = undefined;
    this.#others = undefined;
    if (this.#family === AF_INET6) await this.#transactions.holdIpv6();
    this.#others = await this.#transactions.run(transaction);
  }

  /** `transaction` changes some of it. */
  async change(transaction: () => Promise<void>): Promise<void> {
    const before = this.#others;
    await this.replace(transaction);
    // Others have been at work, and nobody has looked yet whether at this table.
    if (this.#others !== before) this.#others = undefined;
  }

  /** The same, over netlink. Throws HOST. */
  send(messages: readonly Request[]): Promise<void> {
    return this.change(() => this.#transactions.send(messages));
  }

  /** What is in one of its sets of addresses. */
  async setKeys(set: string): Promise<string[]> {
    const keys = await this.#transactions.setKeys(this.#name, set, this.#family);
    return keys.map(addressFromBytes);
  }

  /**
   * When somebody else may have changed it. `sync` makes it right, or waits until that is done, and asks `unlessChanged` what is
   * there. Returns what was missing, in words.
   */
  async restore(sync: () => Promise<void>): Promise<readonly string[]> {
    this.#isInDoubt = true;
    this.#restored = [];
    await sync();
    // Somebody is at work here: from now on it is known what ours are.
    if (this.#others !== undefined) await this.#condition();
    return this.#restored;
  }

  /** `applied`, which it was made from; undefined when somebody has changed it since, so that all of it has to be made anew. */
  async unlessChanged<T>(applied: T | undefined): Promise<T | undefined> {
    const isInDoubt = this.#isInDoubt;
    this.#isInDoubt = false;
    if (!isInDoubt || applied === undefined) return applied;
    const condition = await this.#condition();
    if (condition.kind === 'changed') this.#restored = condition.what;
    return condition.kind === 'intact' ? applied : undefined;
  }

  /** Not while one of its transactions is under way. */
  async #condition(): Promise<TableCondition> {
    const others = await this.#transactions.others();
    if (others === undefined || (others === this.#others && this.#contents !== undefined)) return { kind: 'intact' };
    const contents = await this.#transactions.contents(this.#name, this.#family);
    // Something is changed right now: there will be another look.
    if ((await this.#transactions.others()) !== others) return { kind: 'intact' };
    if (others === this.#others) {
      this.#contents = contents;
      return { kind: 'intact' };
    }
    const what = describeChange(this.#name, this.#contents, contents);
    if (what === undefined) return { kind: 'unknown' };
    if (what.length > 0) return { kind: 'changed', what };
    this.#others = others;
    return { kind: 'intact' };
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
