import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Cli, complain, printLine } from '../../cli.ts';
import { type Context, type ContextIdentity, checkContextName, parseContext } from '../../context/context.ts';
import { checkHosts } from '../../context/endpoint.ts';
import { CliError } from '../../failure.ts';
import { openInput } from '../../input.ts';

interface ImportOptions {
  readonly key?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<context>', 'name that the context gets here')
    .argument('<file>', "what 'gantry client create' or 'gantry context export' has written, or '-' for standard input")
    .option('--key <file>', 'private key, of a certificate that was made for a request of yours')
    .action(async (name: string, file: string, { key }: ImportOptions) => {
      checkContextName(name);
      const contexts = cli.contexts();
      if (contexts.has(name)) {
        throw new CliError(`context "${name}" already exists`, {
          hint: `choose another name, or remove it first with "gantry context rm ${name}"`,
        });
      }
      const place = file === '-' ? 'standard input' : file;
      const context = parseContext(await readText(cli, file), place);
      checkHosts(context.hosts);
      contexts.save({ ...context, name, identity: await completeIdentity(cli, context, key, place) });
      await printLine(cli, name);
      await complain(cli, `Successfully imported context "${name}"`);
    });
}

async function readText(cli: Cli, file: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of openInput(cli, file, 'name a file or pipe the context in')) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

async function completeIdentity(
  cli: Cli,
  { identity }: Context,
  keyFile: string | undefined,
  place: string,
): Promise<ContextIdentity | undefined> {
  if (identity === undefined) return undefined;
  const keyPem = keyFile === undefined ? identity.keyPem : readFileSync(resolve(cli.cwd, keyFile), 'utf8');
  if (keyPem === '') {
    throw new CliError(`${place} has a certificate and no key`, {
      hint: 'give the key that the request was made with: --key FILE',
    });
  }
  const { checkIdentity } = await import('../../context/key-pair.ts');
  checkIdentity({ ...identity, keyPem }, place);
  return { ...identity, keyPem };
}
