import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect, refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError, EXIT } from '../../failure.ts';
import { parsePairs } from '../../options/pairs.ts';

interface CreateOptions {
  readonly driver?: string;
  readonly scope?: string;
  readonly configOnly?: boolean;
  readonly configFrom?: string;
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
      "'bridge' (the default): on this host; 'macvlan': on its LAN; 'overlay': across the hosts of a cluster",
    )
    .option('--scope <scope>', "'swarm': of the cluster, also with -d macvlan; 'local': of this host")
    .option('--config-only', 'no network: what macvlan networks are made of on this host')
    .option('--config-from <network>', 'with the addresses and options of that config-only network')
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
  refuse(command, '--ingress', 'published ports need no network of their own');
  refuse(command, '--ipam-driver <driver>', 'addresses are given by the network itself');
  refuse(command, '--ipam-opt <key=value>', 'addresses are given by the network itself');
}

async function create(cli: Cli, name: string, options: CreateOptions): Promise<string> {
  const subnet = oneOfEach('--subnet', options.subnet);
  const gateway = oneOfEach('--gateway', options.gateway);
  const range = oneOfEach('--ip-range', options.ipRange);
  const configOnly = options.configOnly ?? false;
  const given = {
    driver: options.driver ?? (configOnly ? '' : 'bridge'),
    configFrom: options.configFrom ?? '',
    driverOpts: parsePairs('--opt', options.opt, () => ''),
    internal: options.internal ?? false,
    subnet: subnet.ipv4,
    gateway: gateway.ipv4,
  };
  const labels = parsePairs('--label', options.label, () => '');
  const ipRange = range.ipv4;
  const auxAddresses = parsePairs('--aux-address', options.auxAddress, () => '');
  const ipv6 = { enableIpv6: options.ipv6 ?? false, ipv6Subnet: subnet.ipv6, ipv6Gateway: gateway.ipv6 };
  if (scopeOf(options) === 'local') {
    const spec = { ...given, name, labels, ipRange, auxAddresses, ...ipv6, ipv6Range: range.ipv6, configOnly };
    const { id } = await withClient(EngineClient, cli, (engine) => ask(engine, engine.localNetworkCreate, { spec }));
    return id;
  }
  if (range.ipv6 !== '') {
    throw new CliError(`--ip-range ${range.ipv6} is not supported for networks of the cluster`, {
      hint: 'leave it out: IPv6 addresses go with those of IPv4, which can have a range',
      exitCode: EXIT.refused,
    });
  }
  const attachable = options.attachable ?? false;
  const spec = { ...given, ipRange, auxAddresses, ...ipv6, annotations: { name, labels }, attachable };
  const { id } = await withClient(ControlClient, cli, (control) => ask(control, control.networkCreate, { spec }));
  return id;
}

/** Those that a driver has, its usual one first. */
const SCOPES: Readonly<Record<string, readonly Scope[]>> = { overlay: ['swarm'], macvlan: ['local', 'swarm'] };
type Scope = 'local' | 'swarm';

function scopeOf({ driver = 'bridge', scope, configOnly }: CreateOptions): Scope {
  const scopes = SCOPES[driver] ?? ['local'];
  const chosen = scopes.find((one) => scope === undefined || one === scope);
  if (chosen === undefined) {
    throw new CliError(`--scope ${scope} is not supported for ${driver} networks`, {
      hint: `theirs is ${scopes.join(' or ')}; networks of the cluster are -d overlay, or -d macvlan --scope swarm`,
      exitCode: EXIT.refused,
    });
  }
  if (chosen === 'local' || configOnly !== true) return chosen;
  throw new CliError('--config-only networks are of one host each', {
    hint: 'leave driver and scope out, and make one on each host; then, on a manager, a network --config-from it',
    exitCode: EXIT.refused,
  });
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
