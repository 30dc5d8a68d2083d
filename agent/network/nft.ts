/** Applies rules with nft(8): one transaction at a time, and only what differs from what is there. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { GantryError } from '../../proto/errors.ts';
import { SharedRun } from './shared-run.ts';

export class RulesetApplier {
  readonly #render: () => string;
  #applied: string | undefined;
  readonly #run = new SharedRun(() => this.#applyNow());

  /** `render` gives the rules as they should be at the time of the call. */
  constructor(render: () => string) {
    this.#render = render;
  }

  /** Resolves when the kernel has the rules as `render` gives them now, or later ones. Throws HOST. */
  apply(): Promise<void> {
    return this.#run.request();
  }

  async #applyNow(): Promise<void> {
    const rules = this.#render();
    if (rules === this.#applied) return;
    await runNft(rules);
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
