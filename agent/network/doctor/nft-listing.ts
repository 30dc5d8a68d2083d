/** What nft(8) says of the kernel's rules. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { GantryError } from '../../../proto/errors.ts';

/** One of "chain", "rule", "counter", ... by that name (libnftables-json(5)). */
export type NftObject = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

export interface NftTable {
  readonly family: string;
  readonly name: string;
}

/** As text: in JSON nft 1.0.6 writes for the flag "owner" whatever lies in its memory. */
export async function listTables(): Promise<NftTable[]> {
  const { output } = await runNftWith(['list', 'tables'], '');
  return output.split('\n').flatMap((line) => {
    const [, family, name] = /^table (\S+) (\S+)/.exec(line) ?? [];
    return family === undefined || name === undefined ? [] : [{ family, name }];
  });
}

/** Empty for a table that is gone by now. Throws HOST when nft can't be run, or says what can't be read. */
export async function listTable({ family, name }: NftTable): Promise<readonly NftObject[]> {
  const { code, output } = await runNftWith(['-j', 'list', 'table', family, name], '');
  if (code !== 0) return [];
  try {
    return (JSON.parse(output) as { readonly nftables: readonly NftObject[] }).nftables;
  } catch (cause) {
    throw new GantryError('HOST', `nft lists table ${family} ${name} in a way that can't be read`, { cause });
  }
}

/** Why the kernel would refuse the rules, which aren't applied; undefined when it wouldn't. */
export async function whyNotApplied(rules: string): Promise<string | undefined> {
  const { code, message } = await runNftWith(['-c', '-f', '-'], rules);
  return code === 0 ? undefined : message;
}

/** Throws HOST when nft can't be run. */
async function runNftWith(argv: readonly string[], input: string) {
  const nft = spawn('nft', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    nft.once('error', reject);
    nft.once('close', resolve);
  });
  // A broken pipe means that nft ended early; its exit code and message say why.
  nft.stdin.on('error', () => undefined);
  nft.stdin.end(input);
  try {
    const [code, output, message] = await Promise.all([ended, text(nft.stdout), text(nft.stderr)]);
    return { code, output, message: message.trim().split('\n')[0] ?? '' };
  } catch (cause) {
    throw new GantryError('HOST', 'cannot run nft', { hint: 'install nftables', cause });
  }
}
