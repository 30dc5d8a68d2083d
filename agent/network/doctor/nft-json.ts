/** What nft(8) says of the kernel's rules, as JSON (libnftables-json(5)). */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { GantryError } from '../../../proto/errors.ts';

/** One of "table", "chain", "rule", "counter", ... by that name. */
export type NftObject = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

/** Why the kernel would refuse the rules, which aren't applied; undefined when it wouldn't. */
export async function whyNotApplied(rules: string): Promise<string | undefined> {
  const nft = spawn('nft', ['-c', '-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    nft.once('error', reject);
    nft.once('close', resolve);
  });
  // A broken pipe means that nft ended early; its exit code and message say why.
  nft.stdin.on('error', () => undefined);
  nft.stdin.end(rules);
  try {
    const [code, message] = await Promise.all([ended, text(nft.stderr)]);
    return code === 0 ? undefined : message.trim().split('\n')[0];
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Runs `nft -j list …`. Throws HOST when nft can't be run or refuses. */
export async function listNft(what: readonly string[]): Promise<readonly NftObject[]> {
  const nft = spawn('nft', ['-j', 'list', ...what], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    nft.once('error', reject);
    nft.once('close', resolve);
  });
  try {
    const [code, output, message] = await Promise.all([ended, text(nft.stdout), text(nft.stderr)]);
    if (code !== 0) throw new GantryError('HOST', `nft list ${what.join(' ')}: ${message.trim().split('\n')[0] ?? ''}`);
    return (JSON.parse(output) as { readonly nftables: readonly NftObject[] }).nftables;
  } catch (error) {
    if (error instanceof GantryError) throw error;
    throw new GantryError('HOST', 'cannot run nft', { hint: 'install nftables', cause: error });
  }
}
