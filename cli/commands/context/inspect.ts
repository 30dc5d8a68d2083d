import type { Command } from 'commander';
import type { Fields } from '../../../proto/template/values.ts';
import { type Cli, print } from '../../cli.ts';
import type { Context } from '../../context/context.ts';
import { contextName } from '../../context/daemon.ts';
import { DEFAULT_CONTEXT } from '../../context/target.ts';
import { rfc3339 } from '../../format/duration.ts';
import { renderInspect } from '../../format/listing.ts';
import { defaultContext } from './known-contexts.ts';

interface InspectOptions {
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('[context...]', 'names of contexts; left out: the one in use')
    .option('-f, --format <template>', "'json' or a Go template")
    .action(async (names: string[], { format }: InspectOptions) => {
      const wanted = names.length === 0 ? [contextName(cli)] : names;
      const objects = await Promise.all(wanted.map((name) => inspected(cli, name)));
      await print(cli, renderInspect(objects, format));
    });
}

/** As Docker's, with all managers and whose certificate it is. */
async function inspected(cli: Cli, name: string): Promise<Fields> {
  const contexts = cli.contexts();
  const isDefault = name === DEFAULT_CONTEXT;
  const context = isDefault ? defaultContext(cli) : contexts.load(name);
  const [host = ''] = context.hosts;
  const path = isDefault ? '<IN MEMORY>' : contexts.path(name);
  return {
    Name: name,
    Metadata: context.description === '' ? {} : { Description: context.description },
    Endpoints: { docker: { Host: host, Hosts: [...context.hosts], SkipTLSVerify: false } },
    TLSMaterial: context.identity === undefined ? {} : { docker: ['ca.pem', 'cert.pem', 'key.pem'] },
    Client: await clientFields(context),
    Storage: { MetadataPath: path, TLSPath: path },
  };
}

async function clientFields({ identity }: Context): Promise<Fields | null> {
  if (identity === undefined) return null;
  const { ownClient } = await import('../../../proto/client-certificate.ts');
  const { name, serial, clusterId, expiresAtMs } = ownClient(identity.certPem);
  return { Name: name, Serial: serial, ClusterID: clusterId, ExpiresAt: rfc3339(expiresAtMs) };
}
