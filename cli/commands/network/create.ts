import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect, refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError, EXIT } from '../../failure.ts';
import { parsePairs } from '../../options/pairs.ts';

interface CreateOptions {
  readonly driver: string;
  readonly subnet: readonly string[];
  readonly gateway: readonly string[];
  readonly ipRange: readonly string[];
  readonly auxAddress: readonly string[];
  readonly ipv6?: boolean;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly label: readonly string[];
  readonly opt: readonly string[];
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<network>', 'name of the network')
    .option(
      '-d, --driver <driver>',
      "'bridge': on this host; 'macvlan': on its LAN; 'overlay': across the hosts of a cluster",
      'bridge',
    )
    .option('--ipv6', 'also with IPv6 addresses; without a --subnet of IPv6, unique local ones')
    .option('--subnet <cidr>', 'its addresses: 172.30.0.0/16, and with --ipv6 fd00:1::/64', collect, [])
    .option('--gateway <address>', "the host's own address on it", collect, [])
    .option('--ip-range <cidr>', 'the part of the subnet that containers get addresses of', collect, [])
    .option('--aux-address <name=address>', 'address of the subnet that no container gets', collect, [])
    .option('--internal', 'without a way out of the network')
    .option('--attachable', "of overlay networks: also for containers that aren't a service's")
    .option('--label <key=value>', 'label of the network', collect, [])
    .option(
      '-o, --opt <key=value>',
      'option of the driver: com.docker.network.driver.mtu=1400, parent=eth0.10',
      collect,
      [],
    )
    .action(async (name: string, options: CreateOptions) => {
      await printLine(cli, await create(cli, name, options));
    });
  refuse(command, '--ipv4', 'networks have IPv4 addresses always; leave it out');
  refuse(command, '--config-from <network>', 'write the options out, on each host that has the network');
  refuse(command, '--config-only', 'services are on overlay networks; make others with all options, on each host');
  refuse(command, '--ingress', 'published ports need no network of their own');
  refuse(command, '--ipam-driver <driver>', 'addresses are given by the network itself');
  refuse(command, '--ipam-opt <key=value>', 'addresses are given by the network itself');
  refuse(command, '--scope <scope>', "it follows from the driver: 'bridge' is local, 'overlay' is the cluster's");
}

async function create(cli: Cli, name: string, options: CreateOptions): Promise<string> {
  const subnet = oneOfEach('--subnet', options.subnet);
  const gateway = oneOfEach('--gateway', options.gateway);
  const range = oneOfEach('--ip-range', options.ipRange);
  const given = {
    driver: options.driver,
    driverOpts: parsePairs('--opt', options.opt, () => ''),
    internal: options.internal ?? false,
    subnet: subnet.ipv4,
    gateway: gateway.ipv4,
  };
  const labels = parsePairs('--label', options.label, () => '');
  const ipRange = range.ipv4;
  const auxAddresses = parsePairs('--aux-address', options.auxAddress, () => '');
  const ipv6 = { enableIpv6: options.ipv6 ?? false, ipv6Subnet: subnet.ipv6, ipv6Gateway: gateway.ipv6 };
  if (options.driver !== 'overlay') {
    const spec = { ...given, name, labels, ipRange, auxAddresses, ...ipv6, ipv6Range: range.ipv6 };
    const { id } = await withClient(EngineClient, cli, (engine) => ask(engine, engine.localNetworkCreate, { spec }));
    return id;
  }
  if (range.ipv6 !== '') {
    throw new CliError(`--ip-range ${range.ipv6} is not supported for overlay networks`, {
      hint: 'leave it out: IPv6 addresses go with those of IPv4, which can have a range',
      exitCode: EXIT.refused,
    });
  }
  if (options.auxAddress.length > 0) {
    throw new CliError('--aux-address is not supported for overlay networks', {
      hint: 'keep addresses free with an --ip-range that they are not in',
      exitCode: EXIT.refused,
    });
  }
  const attachable = options.attachable ?? false;
  const spec = { ...given, ipRange, ...ipv6, annotations: { name, labels }, attachable };
  const { id } = await withClient(ControlClient, cli, (control) => ask(control, control.networkCreate, { spec }));
  return id;
}

/** At most one of IPv4 and one of IPv6, in either order. Empty: none. */
function oneOfEach(flag: string, values: readonly string[]): { readonly ipv4: string; readonly ipv6: string } {
  const [ipv4, ipv6] = [false, true].map((wanted) => values.filter((value) => value.includes(':') === wanted));
  const several = [ipv4, ipv6].find((list) => list !== undefined && list.length > 1);
  if (several !== undefined) {
    throw new CliError(`${flag} ${several.join(` ${flag} `)}: only one of IPv4 and one of IPv6`, {
      hint: 'a network has one subnet of each',
      exitCode: EXIT.refused,
    });
  }
  return { ipv4: ipv4?.[0] ?? '', ipv6: ipv6?.[0] ?? '' };
}
