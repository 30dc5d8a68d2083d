import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { PortConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { protocolName } from '../../../proto/port-protocol.ts';
import { type Cli, printLine } from '../../cli.ts';
import { invalidFlag } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { hostAddress } from '../../format/ports.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container>', 'name or id')
    .argument('[port]', 'port in the container: PORT[/udp]')
    .action(async (reference: string, port: string | undefined) => {
      const { container } = await withClient(EngineClient, cli, (engine) =>
        ask(engine, engine.containerInspect, { reference }),
      );
      const lines = portLines(container?.ports ?? [], port);
      if (port !== undefined && lines.length === 0) {
        throw new CliError(`no public port '${port}' published for ${reference}`);
      }
      for (const line of lines) await printLine(cli, line);
    });
}

/** "80/tcp -> 0.0.0.0:8080"; for one port only what it is published as. */
export function portLines(ports: readonly PortConfig[], wanted: string | undefined): string[] {
  const name = (port: PortConfig) => `${port.targetPort}/${protocolName(port.protocol)}`;
  const address = (port: PortConfig) => `${hostAddress(port)}:${port.publishedPort}`;
  if (wanted === undefined) return ports.map((port) => `${name(port)} -> ${address(port)}`).sort();
  if (!/^\d+(\/(tcp|udp))?$/.test(wanted)) throw invalidFlag('PORT', wanted, 'write PORT or PORT/udp');
  const full = wanted.includes('/') ? wanted : `${wanted}/tcp`;
  return ports.filter((port) => name(port) === full).map(address);
}
