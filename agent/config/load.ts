/** gantryd's options from its command line, the environment and the file. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Command } from 'commander';
import { GantryError } from '../../proto/errors.ts';
import { parseConfigFile } from './file.ts';
import {
  type DaemonOptions,
  OPTION_NAMES,
  type OptionName,
  resolveOptions,
  type Settings,
  settingsFromEnvironment,
} from './options.ts';

const DEFAULT_FILE = '/etc/gantry/gantryd.json';

/** `argv`: the arguments alone. Prints and exits for --help and --version, and for flags that it doesn't know. */
export function loadOptions(argv: readonly string[], env: NodeJS.ProcessEnv, version: string): DaemonOptions {
  const flags = parseFlags(argv, version);
  return resolveOptions([flags.settings, settingsFromEnvironment(env), fileSettings(flags.file, env)], hostname());
}

interface Flags {
  readonly settings: Settings;
  readonly file: string | undefined;
}

function parseFlags(argv: readonly string[], version: string): Flags {
  const append = (value: string, before: string[] = []) => [...before, value];
  const command = new Command('gantryd')
    .description('Runs the containers of one host, and its part in a cluster.')
    .option('--data-root <dir>', 'what must survive a reboot: images, containers, volumes (default: /var/lib/gantry)')
    .option('--exec-root <dir>', 'what must not: sockets, mounts, state of running containers (default: /run/gantry)')
    .option('--host <address>', 'unix:///PATH to listen on; may be repeated (default: EXEC_ROOT/gantry.sock)', append)
    .option('--advertise-addr <ip[:port]>', 'where other nodes reach this one')
    .option('--name <name>', "the node's name (default: the host's)")
    .option('--label <name=value>', 'label of this host for placement, engine.labels.NAME; may be repeated', append)
    .option(
      '--node-generic-resource <kind=value>',
      'a GPU or the like that services can reserve: KIND=NAME, or KIND=COUNT; may be repeated',
      append,
    )
    .option('--config <file>', `options as a JSON object (default: ${DEFAULT_FILE}, if it is there)`)
    .option('--store <address>', "etcd cluster that keeps the managers' log: etcd://HOST:PORT,.../PREFIX, or etcds://")
    .option('--store-ca <file>', 'authority of its certificates, for etcds://')
    .option('--store-cert <file>', 'certificate with which managers show who they are there')
    .option('--store-key <file>', 'and its key')
    .option('--metrics-addr <ip:port>', 'where to serve /metrics, /healthz and /readyz (default: nowhere)')
    .option('--manager-metrics-addr <ip:port>', "the same for this host's manager (default: nowhere)")
    .option('--registry-mirror <url>', 'mirror of Docker Hub, tried before it; may be repeated', append)
    .option(
      '--insecure-registry <host[:port]>',
      'registry, or CIDR of some, that may be without TLS or a certificate that is trusted; may be repeated',
      append,
    )
    .option(
      '--registry-certs <dir>',
      'DIR/HOST[:PORT]/ has authorities and certificates for a registry (default: /etc/gantry/certs.d, then /etc/docker/certs.d)',
    )
    .option('--registry-addr <ip:port>', 'where this host is a registry to push to and pull from (default: nowhere)')
    .option('--registry-cert <file>', 'its certificate, with those between it and the root')
    .option('--registry-key <file>', 'and its key')
    .option('--registry-users <file>', 'who may use it: lines NAME:HASH, with hashes of "openssl passwd -6"')
    .option('--registry-host <host[:port]>', "name that it is called by, beside this host's; may be repeated", append)
    .option('--registry-insecure <true|false>', 'whether it may do without a certificate for others (default: false)')
    .option(
      '--image-gc-high <percent>',
      'how full the disk may get before unused images are removed; 0 for never (default: 85)',
    )
    .option('--log-level <level>', 'fatal, error, warn, info, debug or trace (default: info)')
    .version(version)
    .allowExcessArguments(false)
    .parse(argv, { from: 'user' });
  const values = command.opts<Record<string, string | string[] | undefined>>();
  return { settings: settingsFromFlags(values), file: values.config as string | undefined };
}

function settingsFromFlags(values: Readonly<Record<string, string | string[] | undefined>>): Settings {
  const settings: Settings = {};
  for (const name of OPTION_NAMES) {
    const flag = flagOf(name);
    const value = values[camelCase(flag)];
    if (value === undefined) continue;
    const given = typeof value === 'string' ? [value] : value;
    settings[name] = given.map((text) => ({ value: text, origin: `--${flag}` }));
  }
  return settings;
}

/** As dockerd's: one label each. */
function flagOf(name: OptionName): string {
  if (name === 'node-generic-resources') return 'node-generic-resource';
  if (name === 'registry-mirrors') return 'registry-mirror';
  if (name === 'insecure-registries') return 'insecure-registry';
  if (name === 'registry-hosts') return 'registry-host';
  return name === 'labels' ? 'label' : name;
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The file named by the flag or GANTRY_CONFIG must be there, the default one needn't. */
function fileSettings(flag: string | undefined, env: NodeJS.ProcessEnv): Settings {
  const named = flag ?? (env.GANTRY_CONFIG || undefined);
  const path = named ?? DEFAULT_FILE;
  try {
    return parseConfigFile(path, readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof GantryError) throw error;
    if (named === undefined && error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw new GantryError('INVALID_ARGUMENT', `cannot read the configuration file ${path}`, {
      hint: 'name a file that is there with --config, or none',
      cause: error,
    });
  }
}
