import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { EngineClient, type RegistryCredentials } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError, isGantryError } from '../../failure.ts';
import { findCredentials, saveCredentials } from '../../registry/credentials.ts';
import { DOCKER_HUB, serverDomain } from '../../registry/registry-server.ts';
import { readSecret } from '../../terminal/secret-input.ts';

interface LoginOptions {
  readonly username?: string;
  readonly password?: string;
  readonly passwordStdin?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('[server]', 'HOST[:PORT] of the registry; Docker Hub if left out', DOCKER_HUB)
    .option('-u, --username <name>', 'user name')
    .option('-p, --password <password>', 'password or access token; better from standard input')
    .option('--password-stdin', 'read the password from standard input')
    .action(async (server: string, options: LoginOptions) => {
      const domain = serverDomain(server);
      refuseContradictions(options);
      if (options.username === undefined && options.password === undefined && (await loginAgain(cli, domain))) return;
      const credentials = await givenCredentials(cli, domain, options);
      await verify(cli, domain, credentials);
      const path = await saveCredentials(cli, domain, credentials);
      if (path !== undefined) {
        await complain(
          cli,
          `gantry: warning: the password is stored in clear text in ${path}; a "credsStore" there keeps it safe`,
        );
      }
      await printLine(cli, 'Login Succeeded');
    });
}

function refuseContradictions({ username, password, passwordStdin }: LoginOptions): void {
  if (passwordStdin !== true) return;
  if (password !== undefined) throw new CliError('--password and --password-stdin are mutually exclusive');
  if (username === undefined) throw new CliError('must provide --username with --password-stdin');
}

/** With what is stored. False when there is nothing, or it isn't right any more: then the user is asked. */
async function loginAgain(cli: Cli, domain: string): Promise<boolean> {
  const stored = await findCredentials(cli, domain);
  if (stored === undefined) return false;
  await printLine(cli, 'Authenticating with existing credentials...');
  try {
    await verify(cli, domain, stored);
  } catch (error) {
    if (!cli.stdin.isTTY || !isGantryError(error) || error.code !== 'PERMISSION_DENIED') throw error;
    await complain(cli, `gantry: ${error.message}`);
    return false;
  }
  await printLine(cli, 'Login Succeeded');
  return true;
}

async function givenCredentials(cli: Cli, domain: string, options: LoginOptions): Promise<RegistryCredentials> {
  const isComplete =
    options.username !== undefined && (options.password !== undefined || options.passwordStdin === true);
  if (!isComplete && !cli.stdin.isTTY) {
    throw new CliError('cannot perform an interactive login from a non TTY device', {
      hint: "pipe the password in: 'gantry login -u USER --password-stdin'",
    });
  }
  if (options.password !== undefined) {
    await complain(cli, 'gantry: warning: --password is seen by all on this host; use --password-stdin');
  }
  const username = options.username ?? (await askName(cli, domain));
  const password = options.password ?? (await readPassword(cli, options));
  if (password === '') throw new CliError('password required');
  return { username, password, identityToken: '', registryToken: '' };
}

/** All that is piped in but the last line end, as Docker. */
async function readPassword(cli: Cli, { passwordStdin }: LoginOptions): Promise<string> {
  if (passwordStdin !== true) return await readSecret(cli, 'Password: ');
  let text = '';
  for await (const chunk of cli.stdin) text += String(chunk);
  return text.replace(/\r?\n$/, '');
}

async function askName(cli: Cli, domain: string): Promise<string> {
  const lines = createInterface({ input: cli.stdin, output: cli.stderr });
  try {
    const name = (await lines.question(`Username for ${domain}: `)).trim();
    if (name !== '') return name;
  } finally {
    lines.close();
  }
  throw new CliError('username required');
}

async function verify(cli: Cli, registry: string, credentials: RegistryCredentials): Promise<void> {
  await withClient(EngineClient, cli, (engine) => ask(engine, engine.registryLogin, { registry, credentials }));
}
