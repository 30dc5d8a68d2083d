/** The options that `run` and `create` share, as commander reads them. */
import type { Command } from 'commander';
import { alias, collect, invalidFlag, refuse, wholeNumber } from '../command-line.ts';
import { type PullPolicy, pullPolicy } from '../registry/pull-policy.ts';
import { type CgroupOptions, declareCgroupOptions } from './cgroup-options.ts';
import { parseGpus } from './gpus.ts';
import { byteSize, duration, nanoCpus, oomScoreAdj, parseRestart, pidsLimit, type RestartChoice } from './limits.ts';
import { logDriver } from './log-config.ts';
import { checkRuntime } from './runtime.ts';

export interface ContainerOptions extends CgroupOptions {
  readonly addHost: readonly string[];
  readonly annotation: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly cgroupns?: string;
  readonly cgroupParent?: string;
  readonly cidfile?: string;
  readonly cpus?: number;
  readonly gpus?: readonly string[];
  readonly device: readonly string[];
  readonly dns: readonly string[];
  readonly dnsOption: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly domainname?: string;
  readonly entrypoint?: string;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly expose: readonly string[];
  readonly groupAdd: readonly string[];
  readonly healthCmd?: string;
  readonly healthInterval?: number;
  readonly healthRetries?: number;
  readonly healthStartInterval?: number;
  readonly healthStartPeriod?: number;
  readonly healthTimeout?: number;
  readonly healthcheck: boolean;
  readonly hostname?: string;
  readonly init?: boolean;
  readonly interactive?: boolean;
  readonly ipc?: string;
  readonly label: readonly string[];
  readonly labelFile: readonly string[];
  readonly logDriver?: string;
  readonly logOpt: readonly string[];
  readonly memory?: number;
  readonly mount: readonly string[];
  readonly name?: string;
  readonly network: readonly string[];
  readonly networkAlias: readonly string[];
  readonly macAddress: string | undefined;
  readonly ip?: string;
  readonly ip6?: string;
  readonly linkLocalIp: readonly string[];
  readonly oomScoreAdj?: number;
  readonly pid?: string;
  readonly pidsLimit?: number;
  readonly privileged?: boolean;
  readonly publish: readonly string[];
  readonly platform: string;
  readonly pull: PullPolicy;
  readonly publishAll?: boolean;
  readonly quiet?: boolean;
  readonly readOnly?: boolean;
  readonly restart?: RestartChoice;
  readonly rm?: boolean;
  readonly securityOpt: readonly string[];
  readonly shmSize?: number;
  readonly stopSignal?: string;
  readonly stopTimeout?: number;
  readonly sysctl: readonly string[];
  readonly tmpfs: readonly string[];
  readonly tty?: boolean;
  readonly ulimit: readonly string[];
  readonly user?: string;
  readonly uts?: string;
  readonly volume: readonly string[];
  readonly volumesFrom: readonly string[];
  readonly workdir?: string;
}

/** Declares them; the values come as ContainerOptions. */
export function declareContainerOptions(command: Command): Command {
  const list = (flags: string, text: string) => command.option(flags, text, collect, []);
  command
    .argument('<image>', 'image to run')
    .argument('[command...]', "command and its arguments; the image's own if left out");
  command.passThroughOptions();
  declareIdentity(command, list);
  declareNetwork(command, list);
  declareStorage(command, list);
  declareLimits(command, list);
  declareCgroupOptions(command, list);
  declareSecurity(command, list);
  declareHealth(command);
  declarePull(command);
  refuseUnsupported(command);
  return command;
}

type DeclareList = (flags: string, text: string) => Command;

function declareIdentity(command: Command, list: DeclareList): void {
  command
    .option('--name <name>', 'name of the container; made up if left out')
    .option('-i, --interactive', 'keep standard input open')
    .option('-t, --tty', 'give it a terminal')
    .option('--rm', 'remove the container when it exits')
    .option('--entrypoint <command>', "instead of the image's entrypoint")
    .option('-u, --user <user>', 'user name or id, with :GROUP if wanted')
    .option('-w, --workdir <directory>', 'working directory in the container')
    .option('--init', 'run a small init that reaps processes and forwards signals')
    .option('--stop-signal <signal>', 'signal that stops the container')
    .option('--stop-timeout <seconds>', 'seconds from the stop signal to SIGKILL', wholeNumber('--stop-timeout'))
    .option('--restart <policy>', 'no, always, unless-stopped or on-failure[:N]', parseRestart)
    .option('--cidfile <file>', 'write the container id to this file')
    .option('--log-driver <driver>', 'json-file, local, none, syslog, journald, gelf or fluentd', logDriver);
  list('-e, --env <name=value>', 'environment variable');
  list('--env-file <file>', 'file of environment variables');
  list('-l, --label <name=value>', 'label');
  list('--label-file <file>', 'file of labels');
  list('--annotation <name=value>', 'annotation of the OCI bundle');
  list('--group-add <group>', 'further group of the user');
  list('--log-opt <name=value>', 'option of the log driver: max-size=10m, syslog-address=udp://HOST:PORT');
}

function declareNetwork(command: Command, list: DeclareList): void {
  command
    .option('-h, --hostname <name>', 'host name in the container')
    .option('--domainname <name>', 'domain name in the container')
    .option('-P, --publish-all', 'publish all ports the image exposes');
  list('-p, --publish <ports>', 'publish a port: [IP:][HOST:]CONTAINER[/udp]');
  list('--expose <port>', 'port that it offers, which -P publishes, too: PORT[-LAST][/udp]');
  list('--network <network>', 'bridge, host, none or the name of a network');
  alias(command, '--net <network>', 'network');
  list('--network-alias <name>', 'further name on the network');
  command.option('--ip <address>', 'address on the network, which must have a subnet of its own');
  list('--link-local-ip <address>', 'further address that its neighbours on the host reach');
  command.option('--ip6 <address>', 'the same of IPv6');
  command.option('--mac-address <address>', 'MAC address on the network');
  alias(command, '--net-alias <name>', 'network-alias');
  list('--add-host <host:ip>', 'line in /etc/hosts');
  list('--dns <ip>', 'name server');
  list('--dns-option <option>', 'option of the resolver');
  alias(command, '--dns-opt <option>', 'dns-option');
  list('--dns-search <domain>', 'domain to search names in');
}

function declareStorage(command: Command, list: DeclareList): void {
  command
    .option('--read-only', "mount the container's root file system read-only")
    .option('--shm-size <size>', 'size of /dev/shm', byteSize('--shm-size'));
  list('-v, --volume <volume>', 'mount a volume or a host path: [SOURCE:]TARGET[:ro]');
  list('--volumes-from <container>', 'mount what another container has: NAME[:ro]');
  list('--mount <mount>', 'mount: type=bind|volume|tmpfs,source=...,target=...');
  list('--tmpfs <path>', 'mount a tmpfs: PATH[:size=...,mode=...]');
  list('--device <device>', 'device of the host: HOST[:CONTAINER][:rwm], or VENDOR/CLASS=NAME of CDI');
  command.option('--gpus <gpus>', 'GPUs of the host: all, how many, or "device=0,1"', parseGpus);
}

function declareLimits(command: Command, list: DeclareList): void {
  command
    .option('-m, --memory <size>', 'limit of memory', byteSize('--memory'))
    .option('--cpus <number>', 'limit of CPUs', nanoCpus('--cpus'))
    .option('--pids-limit <number>', 'limit of processes; -1 for none', pidsLimit('--pids-limit'))
    .option('--oom-score-adj <number>', 'preference of the OOM killer, -1000 to 1000', oomScoreAdj);
  list('--ulimit <limit>', 'NAME=SOFT[:HARD]');
  list('--sysctl <name=value>', 'kernel parameter of the container');
}

function declareSecurity(command: Command, list: DeclareList): void {
  command
    .option('--privileged', 'give it all capabilities and devices')
    .option('--pid <mode>', 'PID namespace: host or container:NAME')
    .option('--ipc <mode>', 'IPC namespace: private, host or container:NAME')
    .option('--uts <mode>', 'UTS namespace: host')
    .option('--cgroupns <mode>', 'cgroup namespace: private or host')
    .option('--cgroup-parent <name>', 'cgroup that its own is made in, below /gantry')
    .option('--userns <mode>', 'user namespace: host, as all containers', checkUserNamespace)
    .option('--runtime <name>', 'OCI runtime: gantry-runtime, or runc, whose place it takes', checkRuntime);
  list('--cap-add <capability>', 'add a capability');
  list('--cap-drop <capability>', 'drop a capability');
  list('--security-opt <option>', 'seccomp=FILE, seccomp=unconfined, systempaths=unconfined or no-new-privileges');
}

/** There is one, the host's own. */
function checkUserNamespace(mode: string): string {
  if (mode === '' || mode === 'host') return mode;
  throw invalidFlag(
    '--userns',
    mode,
    'write host: no user namespaces are made; give it a --user, and drop capabilities',
  );
}

function declarePull(command: Command): void {
  command
    .option('--platform <platform>', "OS/ARCH that its image is to be for (default: the host's)", '')
    .option(
      '--pull <policy>',
      'pull the image before: always, missing or never (default: missing)',
      pullPolicy,
      'missing',
    )
    .option('-q, --quiet', "don't show how a pull goes on");
}

/** --health-* and --no-healthcheck. */
export function declareHealth(command: Command): void {
  command
    .option('--health-cmd <command>', 'shell command that checks the health')
    .option('--health-interval <duration>', 'time between checks', duration('--health-interval'))
    .option('--health-timeout <duration>', 'longest time a check may take', duration('--health-timeout'))
    .option('--health-retries <number>', 'failures until it is unhealthy', wholeNumber('--health-retries'))
    .option(
      '--health-start-period <duration>',
      'time in which failures do not count',
      duration('--health-start-period'),
    )
    .option(
      '--health-start-interval <duration>',
      'time between checks in the start period',
      duration('--health-start-interval'),
    )
    .option('--no-healthcheck', "don't check the health");
}

const LATER = 'leave it out';

/** Docker's options that the engine can't honour yet. */
function refuseUnsupported(command: Command): void {
  const unsupported: readonly (readonly [string, string])[] = [
    ['--disable-content-trust', LATER],
    ['--isolation <technology>', LATER],
    ['--link <container>', 'put both containers on one --network and use their names'],
    ['--storage-opt <option>', LATER],
    ['--use-api-socket', LATER],
    ['--volume-driver <driver>', 'use --mount type=volume,volume-driver=...'],
  ];
  for (const [flags, hint] of unsupported) refuse(command, flags, hint);
}
