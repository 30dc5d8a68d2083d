/**
 * Applies rules, one transaction at a time, and only what differs from what is there: a table with nft(8), what is in its sets over
 * netlink, since that changes with each container.
 */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { GantryError } from '../../proto/errors.ts';
import { type AddressPairs, pairChanges, renderPairs } from './address-pairs.ts';
import type { OwnTable } from './own-tables.ts';
import { SharedRun } from './shared-run.ts';

export interface RenderedRules {
  /** Makes the table anew. */
  readonly table: string;
  /** What is in its set; undefined for a table that has none. */
  readonly pairs: AddressPairs | undefined;
}

type Table = Pick<OwnTable, 'replace' | 'send' | 'restore' | 'unlessChanged'>;

export class RulesetApplier {
  readonly #render: () => RenderedRules;
  readonly #table: Table;
  #applied: RenderedRules | undefined;
  readonly #run = new SharedRun(() => this.#applyNow());

  /** `render` gives the rules as they should be at the time of the call. */
  constructor(render: () => RenderedRules, table: Table) {
    this.#render = render;
    this.#table = table;
  }

  /** Resolves when the kernel has the rules as `render` gives them now, or later ones. Throws HOST. */
  apply(): Promise<void> {
    return this.#run.request();
  }

  /** The same when somebody else may have changed them in the kernel. Returns what was missing there, in words. Throws HOST. */
  restore(): Promise<readonly string[]> {
    return this.#table.restore(() => this.#run.request());
  }

  async #applyNow(): Promise<void> {
    const rules = this.#render();
    const applied = await this.#table.unlessChanged(this.#applied);
    const changes = applied?.table === rules.table ? pairChanges(applied.pairs, rules.pairs) : undefined;
    if (changes?.length === 0) return;
    // Until it has worked, nobody knows what is there.
    this.#applied = undefined;
    if (changes !== undefined) await this.#table.send(changes);
    else await this.#table.replace(() => runNft(rules.table + renderPairs(rules.pairs)));
    this.#applied = rules;
  }
}

/** Runs the text as one transaction. Throws HOST with what nft says. */
export async function runNft(rules: string): Promise<void> {
  const nft = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    nft.once('error', reject);
    nft.once('close', resolve);
  });
  // A broken pipe means that nft ended early; its exit code and message say why.
  nft.stdin.on('error', () => undefined);
  nft.stdin.end(rules);
  try {
    const [code, message] = await Promise.all([ended, text(nft.stderr)]);
    if (code === 0) return;
    throw new GantryError('HOST', `nft refused the node's rules: ${message.trim().split('\n')[0] ?? ''}`);
  } catch (error) {
    if (error instanceof GantryError) throw error;
    throw new GantryError('HOST', 'cannot run nft', { hint: 'install nftables', cause: error });
  }
}
