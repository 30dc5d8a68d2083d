import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { collect, refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { attachmentOf } from '../../options/networks.ts';

interface ConnectOptions {
  readonly alias: readonly string[];
  readonly ip?: string;
  readonly ip6?: string;
  readonly linkLocalIp: readonly string[];
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<network>', 'name or id')
    .argument('<container>', 'name or id, running or not')
    .option('--alias <name>', 'further name on the network', collect, [])
    .option('--ip <address>', 'address on the network, which must have a subnet of its own')
    .option('--ip6 <address>', 'the same of IPv6')
    .option('--link-local-ip <address>', 'further address that its neighbours on the host reach', collect, [])
    .action(async (target: string, container: string, { alias, ip, ip6, linkLocalIp }: ConnectOptions) => {
      const network = attachmentOf(target, alias, { ip, ipv6: ip6, linkLocalIps: linkLocalIp });
      await withClient(EngineClient, cli, (engine) => ask(engine, engine.networkConnect, { container, network }));
    });
  refuse(command, '--link <container>', 'containers of a network find each other by name; see --alias');
  refuse(command, '--driver-opt <key=value>', 'options are the network’s: gantry network create -o');
  refuse(command, '--gw-priority <number>', 'the first network that is not internal leads outside');
}
