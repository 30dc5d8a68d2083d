/** The flags of `service create` and `update` that say one thing each. */
import type { Command } from 'commander';
import { ENDPOINT_MODES } from '../../proto/endpoint-mode.ts';
import { ResolveImage } from '../../proto/generated/gantry/v1/control.ts';
import {
  type EndpointMode,
  FailureAction,
  PlacementStrategy,
  RestartCondition,
  UpdateOrder,
} from '../../proto/generated/gantry/v1/types.ts';
import { collect, declareSwitch, invalidFlag, wholeNumber } from '../command-line.ts';
import { splitWords } from '../compose/syntax/command-line.ts';
import { declareHealth } from './container-options.ts';
import { byteSize, duration, nanoCpus, oomScoreAdj, pidsLimit } from './limits.ts';
import { logDriver } from './log-config.ts';
import { CLUSTER_STRATEGIES } from './strategies.ts';
import { oneOf } from './words.ts';

/** As commander reads them. Undefined: as it is, or as it is by default. */
export interface ServiceOptions {
  readonly args?: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly endpointMode?: EndpointMode;
  readonly entrypoint?: readonly string[];
  readonly force?: boolean;
  readonly healthCmd?: string;
  readonly healthInterval?: number;
  readonly healthRetries?: number;
  readonly healthStartInterval?: number;
  readonly healthStartPeriod?: number;
  readonly healthTimeout?: number;
  /** False for --no-healthcheck. */
  readonly healthcheck: boolean;
  readonly hostname?: string;
  readonly image?: string;
  readonly init?: boolean;
  readonly limitCpu?: number;
  readonly limitMemory?: number;
  readonly limitPids?: number;
  readonly oomScoreAdj?: number;
  /** False for --no-resolve-image. */
  readonly resolveImage: boolean;
  readonly readOnly?: boolean;
  readonly logDriver?: string;
  readonly logOpt: readonly string[];
  readonly maxConcurrent?: number;
  readonly replicas?: number;
  readonly replicasMaxPerNode?: number;
  readonly reserveCpu?: number;
  readonly reserveMemory?: number;
  readonly restartCondition?: RestartCondition;
  readonly restartDelay?: number;
  readonly restartMaxAttempts?: number;
  readonly restartWindow?: number;
  readonly rollbackDelay?: number;
  readonly rollbackFailureAction?: FailureAction;
  readonly rollbackMaxFailureRatio?: number;
  readonly rollbackMonitor?: number;
  readonly rollbackOrder?: UpdateOrder;
  readonly rollbackParallelism?: number;
  readonly stopGracePeriod?: number;
  readonly stopSignal?: string;
  readonly strategy?: PlacementStrategy;
  readonly tty?: boolean;
  readonly updateDelay?: number;
  readonly updateFailureAction?: FailureAction;
  readonly updateMaxFailureRatio?: number;
  readonly updateMonitor?: number;
  readonly updateOrder?: UpdateOrder;
  readonly updateParallelism?: number;
  readonly user?: string;
  readonly withRegistryAuth: boolean;
  readonly workdir?: string;
}

/** Those that both commands have. */
export function declareServiceOptions(command: Command): void {
  declareProcess(command);
  declareResources(command);
  declareHealth(command);
  declareScheduling(command);
  declareRestart(command);
  declareRollout(command, 'update', ACTIONS);
  declareRollout(command, 'rollback', ROLLBACK_ACTIONS);
}

function declareProcess(command: Command): void {
  command
    .option('--entrypoint <command>', "instead of the image's entrypoint", words('--entrypoint'))
    .option('--hostname <name>', 'host name in the containers')
    .option('-u, --user <user>', 'user name or id, with :GROUP if wanted')
    .option('-w, --workdir <directory>', 'working directory in the containers')
    .option('--stop-signal <signal>', 'signal that stops a container')
    .option('--stop-grace-period <duration>', 'time from that signal to SIGKILL', duration('--stop-grace-period'))
    .option('--log-driver <driver>', 'json-file, local, none, syslog, journald, gelf or fluentd', logDriver)
    .option(
      '--log-opt <name=value>',
      'option of the log driver: max-size=10m, syslog-address=udp://HOST:PORT',
      collect,
      [],
    )
    .option('--cap-add <capability>', 'add a capability', collect, [])
    .option('--cap-drop <capability>', 'drop a capability', collect, []);
  declareSwitch(command, '--init', 'run a small init that reaps processes and forwards signals');
  declareSwitch(command, '--read-only', "mount the containers' root file system read-only");
  declareSwitch(command, '-t, --tty', 'give them a terminal');
}

function declareResources(command: Command): void {
  command
    .option('--limit-cpu <number>', 'limit of CPUs of each task; 0 for none', nanoCpus('--limit-cpu'))
    .option('--limit-memory <size>', 'limit of memory of each task; 0 for none', byteSize('--limit-memory'))
    .option('--limit-pids <number>', 'limit of processes of each task; 0 for none', pidsLimit('--limit-pids'))
    .option('--reserve-cpu <number>', 'CPUs that a node must have left for a task', nanoCpus('--reserve-cpu'))
    .option('--reserve-memory <size>', 'memory that a node must have left for a task', byteSize('--reserve-memory'))
    .option('--oom-score-adj <number>', 'preference of the OOM killer, -1000 to 1000', oomScoreAdj);
}

const STRATEGIES = { ...CLUSTER_STRATEGIES, default: PlacementStrategy.UNSPECIFIED } as const;

function declareScheduling(command: Command): void {
  command
    .option('--replicas <number>', 'how many tasks; of a job, in all', wholeNumber('--replicas'))
    .option('--max-concurrent <number>', 'of a job, how many tasks at a time', wholeNumber('--max-concurrent'))
    .option(
      '--replicas-max-per-node <number>',
      'most tasks on one node; 0 for any number',
      wholeNumber('--replicas-max-per-node'),
    )
    .option(
      '--strategy <word>',
      "spread: the emptiest node first; binpack: the fullest; default: as 'gantry cluster update --strategy' says",
      oneOf('--strategy', STRATEGIES),
    )
    .option(
      '--endpoint-mode <word>',
      "what the service's name stands for: vip, an address of its own, or dnsrr, the addresses of its tasks",
      oneOf('--endpoint-mode', ENDPOINT_MODES),
    )
    .option('--no-resolve-image', "don't ask the registry which image it is, and for what platforms")
    .option('--with-registry-auth', 'let the nodes pull the image with your login', false);
}

const CONDITIONS = {
  none: RestartCondition.NONE,
  'on-failure': RestartCondition.ON_FAILURE,
  any: RestartCondition.ANY,
} as const;

function declareRestart(command: Command): void {
  command
    .option(
      '--restart-condition <word>',
      'when a task is replaced that has ended: none, on-failure or any',
      oneOf('--restart-condition', CONDITIONS),
    )
    .option('--restart-delay <duration>', 'time before that', duration('--restart-delay'))
    .option('--restart-max-attempts <number>', 'how often; 0 for any number', wholeNumber('--restart-max-attempts'))
    .option('--restart-window <duration>', 'time in which these count; 0 for ever', duration('--restart-window'));
}

const ORDERS = { 'stop-first': UpdateOrder.STOP_FIRST, 'start-first': UpdateOrder.START_FIRST } as const;
/** A rollback that fails isn't rolled back. */
const ROLLBACK_ACTIONS = { pause: FailureAction.PAUSE, continue: FailureAction.CONTINUE } as const;
const ACTIONS = { ...ROLLBACK_ACTIONS, rollback: FailureAction.ROLLBACK } as const;

function declareRollout(
  command: Command,
  kind: 'update' | 'rollback',
  actions: Readonly<Record<string, FailureAction>>,
): void {
  const flag = (name: string) => `--${kind}-${name}`;
  command
    .option(`${flag('parallelism')} <number>`, `tasks of one ${kind} step; 0 for all`, wholeNumber(flag('parallelism')))
    .option(`${flag('delay')} <duration>`, `time between ${kind} steps`, duration(flag('delay')))
    .option(`${flag('order')} <word>`, Object.keys(ORDERS).join(' or '), oneOf(flag('order'), ORDERS))
    .option(
      `${flag('failure-action')} <word>`,
      `when the ${kind} fails: ${Object.keys(actions).join(', ')}`,
      oneOf(flag('failure-action'), actions),
    )
    .option(`${flag('monitor')} <duration>`, 'how long a new task is watched for failure', duration(flag('monitor')))
    .option(
      `${flag('max-failure-ratio')} <ratio>`,
      'share of tasks that may fail, 0 to 1',
      ratio(flag('max-failure-ratio')),
    );
}

/** An image that isn't named anew is what it was. */
export function resolveImageOf({ resolveImage, image }: Pick<ServiceOptions, 'resolveImage' | 'image'>): ResolveImage {
  if (!resolveImage) return ResolveImage.NEVER;
  return image === undefined ? ResolveImage.CHANGED : ResolveImage.ALWAYS;
}

/** A command in one argument, split as a shell would. */
export function words(flag: string): (text: string) => readonly string[] {
  return (text) => {
    const items = splitWords(text);
    if (items === undefined) throw invalidFlag(flag, text, 'close the quote');
    return items;
  };
}

function ratio(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^(\d+(\.\d*)?|\.\d+)$/.test(text) || value > 1) throw invalidFlag(flag, text, 'write a number from 0 to 1');
    return value;
  };
}
