/** What a command connects to: the chosen host or context, with its certificates read. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';
import type { TlsFiles } from '../global-options.ts';
import type { Context, ContextIdentity } from './context.ts';
import { DEFAULT_CONTEXT } from './target.ts';

export type Daemon =
  | { readonly kind: 'local'; readonly host: string }
  /** Managers, in the order in which they are tried. */
  | { readonly kind: 'remote'; readonly hosts: readonly string[]; readonly identity: ContextIdentity };

/** The context that the command line is for. */
export function contextName({ target }: Pick<Cli, 'target'>): string {
  return target.kind === 'context' ? target.name : DEFAULT_CONTEXT;
}

/** Throws when there is no such context, or it has no certificate. */
export function daemonOf(cli: Pick<Cli, 'target' | 'contexts' | 'cwd'>): Daemon {
  const { target, contexts, cwd } = cli;
  if (target.kind === 'context') return daemonOfContext(contexts().load(target.name));
  if (!target.host.startsWith('tcp://')) return { kind: 'local', host: target.host };
  return { kind: 'remote', hosts: [target.host], identity: readIdentity(target.host, target.tls, cwd) };
}

function daemonOfContext({ name, hosts, identity }: Context): Daemon {
  const [first = ''] = hosts;
  if (!first.startsWith('tcp://')) return { kind: 'local', host: first };
  if (identity === undefined) throw withoutCertificate(`context ${name}: ${first}`);
  if (identity.keyPem !== '') return { kind: 'remote', hosts, identity };
  throw new CliError(`context ${name} has no key`, { hint: 'import it with "gantry context import --key FILE"' });
}

/** Of PEM files. */
export function readIdentity(host: string, { ca, cert, key }: TlsFiles, cwd: string): ContextIdentity {
  if (ca === undefined || cert === undefined || key === undefined) throw withoutCertificate(host);
  const read = (file: string) => readFileSync(resolve(cwd, file), 'utf8');
  return { caPem: read(ca), certPem: read(cert), keyPem: read(key) };
}

function withoutCertificate(host: string): CliError {
  return new CliError(`${host} asks for a client certificate`, {
    hint: 'make one with "gantry client create NAME" on a manager and take it with "gantry context import NAME FILE", or name its files with --tlscacert, --tlscert and --tlskey',
  });
}
