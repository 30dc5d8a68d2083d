import type { Command } from 'commander';
import { EngineClient, type VersionResponse } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { type Cli, print } from '../../cli.ts';
import { clientVersion } from '../../client-version.ts';
import { ask, withClient } from '../../connection.ts';
import { contextName } from '../../context/daemon.ts';
import { renderObject } from '../../format/listing.ts';

interface VersionOptions {
  readonly format?: string;
}

/** Node's name of the architecture → Go's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

export function define(command: Command, cli: Cli): void {
  command.option('-f, --format <template>', "'json' or a Go template").action(async ({ format }: VersionOptions) => {
    const client = clientFields(cli);
    let server: Fields | null = null;
    let failure: unknown;
    try {
      server = serverFields(await askServer(cli));
    } catch (error) {
      failure = error;
    }
    // The client's own version is worth printing even when there is nobody to ask.
    const text =
      format === undefined ? versionText(client, server) : renderObject({ Client: client, Server: server }, format);
    await print(cli, text);
    if (failure !== undefined) throw failure;
  });
}

function askServer(cli: Cli): Promise<VersionResponse> {
  return withClient(EngineClient, cli, (engine) => ask(engine, engine.version, {}));
}

function clientFields(cli: Cli): Fields {
  return {
    Version: clientVersion(),
    NodeVersion: process.versions.node,
    Os: process.platform,
    Arch: ARCHITECTURES[process.arch] ?? process.arch,
    Context: contextName(cli),
  };
}

function serverFields(server: VersionResponse): Fields {
  return {
    Version: server.version,
    NodeVersion: server.nodeVersion,
    GitCommit: server.gitCommit,
    Os: server.os,
    Arch: server.architecture,
    KernelVersion: server.kernelVersion,
  };
}

function versionText(client: Fields, server: Fields | null): string {
  const clientText = `Client: Gantry
 Version:           ${client.Version}
 Node version:      ${client.NodeVersion}
 OS/Arch:           ${client.Os}/${client.Arch}
 Context:           ${client.Context}
`;
  if (server === null) return clientText;
  return `${clientText}
Server: Gantry
 Version:           ${server.Version}
 Node version:      ${server.NodeVersion}
 Git commit:        ${server.GitCommit}
 OS/Arch:           ${server.Os}/${server.Arch}
 Kernel version:    ${server.KernelVersion}
`;
}
