import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { newCertificateRequest } from '../../../proto/certificate-request.ts';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { ClientRole } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain } from '../../cli.ts';
import { collect, invalidFlag } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { type Context, formatContext } from '../../context/context.ts';
import { checkHosts } from '../../context/endpoint.ts';
import { ROLE_NAMES } from '../../format/rows/client-row.ts';
import { duration } from '../../options/limits.ts';
import { writeOutput } from '../../output-file.ts';

interface CreateOptions {
  readonly role: ClientRole;
  readonly expiry: number;
  readonly manager: readonly string[];
  readonly output?: string;
  readonly request?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<name>', 'who or what it is for')
    .requiredOption('--role <role>', 'admin: everything; viewer: what changes nothing and tells no secret', parseRole)
    .option('--expiry <duration>', 'how long its certificate is valid (default: a year)', duration('--expiry'), 0)
    .option('-o, --output <file>', "where to write it, or '-' for standard output (default: NAME.gantrycontext)")
    .option(
      '--manager <host>',
      'HOST[:PORT] of a manager as the client reaches it, if not at its own address',
      collect,
      [],
    )
    .option('--request <file>', 'PKCS #10 in PEM: the key stays where it was made, and the file is without it')
    .action((name: string, options: CreateOptions) => create(cli, name, options));
}

async function create(cli: Cli, name: string, options: CreateOptions): Promise<void> {
  const file = options.output ?? `${name}.gantrycontext`;
  const { requestPem, keyPem } = await requestOf(cli, options.request);
  const hosts = options.manager.map((host) => (host.startsWith('tcp://') ? host : `tcp://${host}`));
  if (hosts.length > 0) checkHosts(hosts);
  await withClient(ControlClient, cli, (control) => {
    // The file is opened first: where it can't be, nobody is let in.
    return writeOutput(
      cli,
      file,
      written(() => certified(control, name, options, { requestPem, keyPem, hosts })),
    );
  });
  if (file !== '-') await complain(cli, nextStep(name, file, options));
}

function nextStep(name: string, file: string, { role, request }: CreateOptions): string {
  const isKey = request === undefined;
  const warning = isKey && role === ClientRole.ADMIN ? ' Whoever has it may do everything.' : '';
  const command = `gantry context import ${name} ${basename(file)}${isKey ? '' : ' --key FILE'}`;
  return `Written file "${file}".${warning} Take it to the host that is to use the cluster, and run there:\n\n    ${command}\n`;
}

/** A key that no manager ever sees. */
async function requestOf(cli: Cli, file: string | undefined) {
  if (file === undefined) return await newCertificateRequest();
  return { requestPem: readFileSync(resolve(cli.cwd, file), 'utf8'), keyPem: '' };
}

async function certified(
  control: ControlClient,
  name: string,
  { role, expiry }: CreateOptions,
  { requestPem, keyPem, hosts }: { requestPem: string; keyPem: string; hosts: readonly string[] },
): Promise<Context> {
  const request = { name, role, lifeMs: expiry, request: requestPem };
  const { certificate, rootCertificate, managers } = await ask(control, control.clientCreate, request);
  const identity = { caPem: rootCertificate, certPem: certificate, keyPem };
  const own = managers.map((address) => `tcp://${address}`);
  return { name, description: '', hosts: hosts.length > 0 ? hosts : own, identity };
}

async function* written(make: () => Promise<Context>): AsyncGenerator<Buffer> {
  yield Buffer.from(formatContext(await make()));
}

function parseRole(text: string): ClientRole {
  for (const [role, name] of ROLE_NAMES) if (name === text) return role;
  throw invalidFlag('--role', text, 'use admin or viewer');
}
