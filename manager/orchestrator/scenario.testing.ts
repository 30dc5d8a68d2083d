/**
 * Runs the loops on a store by the commands of a text script, with a clock that only the script moves, and shows
 * after each command which tasks are new, changed or gone. For tests.
 *
 *   + t4 web.1 n1 v2 ASSIGNED           a new task: id, place, node, spec version, state
 *   ~ t1 web.1 n1 v1 RUNNING→SHUTDOWN   changed; after the arrow what it is told to be, unless that is RUNNING
 *   - t1                                gone
 *   ~ web v2 COMPLETED: update completed   how the update of a service stands: its spec version, state, message
 *
 * Pins of slots to nodes with their volumes are shown likewise: "+ web.1 data pinned to n1". Configs, too: "+ c1 config app", and "~ c1 config app, replaced" once another has the name.
 */
import pino from 'pino';
import {
  Cluster,
  type Dependency,
  DependencyCondition,
  FailureAction,
  type GenericResource,
  NodeAvailability,
  NodeState,
  type Placement,
  PlacementStrategy,
  RestartCondition,
  TaskState,
  type UpdateConfig,
  UpdateOrder,
  UpdateState,
} from '../../proto/generated/gantry/v1/types.ts';
import { genericResourceTexts, parseGenericResources } from '../../proto/generic-resource.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { parsePlatform } from '../../proto/platform.ts';
import { forget } from '../api/nodes.ts';
import type { ControlLoop } from '../control-loop.ts';
import { NodeImages } from '../images/node-images.ts';
import { NO_METRICS } from '../metrics/manager-metrics.ts';
import { node, serviceSpec } from '../objects.testing.ts';
import { schedulerLoop } from '../scheduler/scheduler.ts';
import { clusterType } from '../store/cluster.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import {
  awaiting,
  type CompleteServiceSpec,
  completeServiceSpec,
  NEVER_UPDATED,
  NOT_STOPPED,
  type ServiceObject,
} from '../store/service.ts';
import { StoreState } from '../store/state.ts';
import { STATE_FORMAT } from '../store/state-format.ts';
import { Store } from '../store/store.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { isWanted, type TaskObject } from '../store/task.ts';
import { pinVolumes, unpinVolumes } from '../volumes/pins.ts';
import { dependenciesLoop } from './dependencies/dependencies.ts';
import { globalLoop } from './global/global.ts';
import { jobLoop } from './job/job.ts';
import { preStartLoop } from './pre-start/pre-start.ts';
import { reaperLoop } from './reaper/reaper.ts';
import { replicatedLoop } from './replicated/replicated.ts';
import { restartLoop } from './restart/restart.ts';
import { stopLoop } from './stop/stop.ts';
import { restartServices, startService, stopService } from './stop/stopping.ts';
import { rolledBack, withSpec } from './update/spec-change.ts';
import { updateLoop } from './update/update.ts';

export interface ScriptCommand {
  readonly name: string;
  readonly plain: readonly string[];
  readonly named: ReadonlyMap<string, string>;
}

const DOWN_GRACE_MS = 5000;
const CONDITIONS: Readonly<Record<string, DependencyCondition>> = {
  started: DependencyCondition.STARTED,
  healthy: DependencyCondition.HEALTHY,
  completed: DependencyCondition.COMPLETED,
};
const RESTART: Readonly<Record<string, RestartCondition>> = {
  any: RestartCondition.ANY,
  'on-failure': RestartCondition.ON_FAILURE,
  none: RestartCondition.NONE,
};
const FAILURE_ACTIONS: Readonly<Record<string, FailureAction>> = {
  pause: FailureAction.PAUSE,
  continue: FailureAction.CONTINUE,
  rollback: FailureAction.ROLLBACK,
};
const UPDATE_STATES = new Map<UpdateState, string>(Object.entries(UpdateState).map(([name, state]) => [state, name]));
const STATES = new Map<string, TaskState>(Object.entries(TaskState));

export class Scenario {
  readonly #store: Store;
  readonly #log: MemoryLog;
  readonly #loops: readonly ControlLoop[];
  readonly #labels = new Map<string, string>();
  #shown = new Map<string, string>();
  #nowMs = 1_000_000;
  #ids = 0;
  #configs = 0;

  constructor() {
    const state = new StoreState(pino({ level: 'silent' }));
    this.#log = new MemoryLog('n1', state);
    this.#store = new Store(state, this.#log, { now: () => this.#nowMs, sleep: () => Promise.resolve() });
    const random: RandomBytes = (size) => {
      this.#ids += 1;
      const bytes = Buffer.alloc(size);
      bytes.writeUInt32BE(this.#ids, size - 4);
      return bytes;
    };
    this.#loops = [
      replicatedLoop(random),
      globalLoop(random),
      jobLoop(random),
      restartLoop(random, DOWN_GRACE_MS),
      updateLoop(random),
      dependenciesLoop(),
      preStartLoop(),
      stopLoop(),
      reaperLoop(),
      schedulerLoop(NO_METRICS, new NodeImages()),
    ];
  }

  async run(command: ScriptCommand): Promise<string[]> {
    await this.#store.update((tx) => {
      if (tx.total('cluster') > 0) return;
      tx.create('cluster', clusterType.complete(Cluster.fromPartial({ id: 'c', stateFormat: STATE_FORMAT })));
    });
    await this.#execute(command);
    await this.#settle();
    return command.name === 'tasks' ? this.#list() : this.#differences();
  }

  #execute({ name, plain, named }: ScriptCommand): Promise<unknown> {
    const [first = '', second = ''] = plain;
    switch (name) {
      case 'node':
        return this.#putNode(first, named);
      case 'remove-node':
        return this.#store.update((tx) => forget(tx, first, this.#nowMs));
      case 'service':
        return this.#putService(first, plain.includes('global'), named);
      case 'rollback':
        return this.#rollback(first);
      case 'stop':
        return this.#store.update((tx) => {
          for (const name of plain) stopService(tx, serviceOf(tx, name), { timeoutMs: undefined });
        });
      case 'restart':
        return this.#store.update((tx) => {
          const services = plain.map((name) => serviceOf(tx, name));
          restartServices(tx, services, { timeoutMs: undefined });
        });
      case 'start':
        return this.#store.update((tx) => {
          for (const name of plain) {
            const service = serviceOf(tx, name);
            startService(tx, service, this.#nowMs, awaiting(service.spec, leftOutOf(named)));
          }
        });
      case 'config':
        return this.#putConfig(first);
      case 'remove-service':
        return this.#removeServices(plain);
      case 'report':
        return this.#report(this.#taskId(first), second, named);
      case 'agents':
        return this.#reportAll(plain);
      case 'volumes':
        return unpinVolumes(this.#store, first, { names: plain.slice(1), mounted: [] });
      case 'advance':
        this.#nowMs += Number(first);
        return Promise.resolve();
      case 'tasks':
        return Promise.resolve();
      default:
        throw new Error(`no such command: ${name}`);
    }
  }

  #putNode(id: string, named: ReadonlyMap<string, string>): Promise<void> {
    const state = named.get('state') === 'down' ? NodeState.DOWN : NodeState.READY;
    const drained = named.get('availability') === 'drain';
    const availability = drained ? NodeAvailability.DRAIN : NodeAvailability.ACTIVE;
    const memoryBytes = Number(named.get('memory') ?? 1000);
    const labels = pairsOf(named.get('labels'));
    const genericResources = genericOf(named);
    const platform = parsePlatform(named.get('platform') ?? 'linux/amd64');
    const facts = { memoryBytes, labels, genericResources, ...(platform === undefined ? {} : { platform }) };
    const wanted = node(id, { state, availability, ...facts, stateSinceMs: this.#nowMs });
    return this.#store.update((tx) => {
      const known = tx.get('node', id);
      if (known === undefined) tx.create('node', wanted);
      else tx.update('node', { ...wanted, meta: known.meta });
    });
  }

  #putService(name: string, global: boolean, named: ReadonlyMap<string, string>): Promise<void> {
    return this.#store.update((tx) => {
      const [known] = tx.find('service', { by: 'name', value: name });
      const spec = withConfigs(tx, this.#spec(name, global, named));
      const fields = {
        id: name,
        spec,
        ports: [],
        virtualIps: [],
        ...awaiting(spec, leftOutOf(named)),
        pendingDelete: false,
        ...NOT_STOPPED,
      };
      if (known === undefined) tx.create('service', { ...fields, ...NEVER_UPDATED, specVersion: 1 });
      else {
        const changed = tx.update('service', withSpec(known, spec, [], this.#nowMs));
        if (known.stopped) startService(tx, changed, this.#nowMs, awaiting(spec, leftOutOf(named)));
      }
    });
  }

  #rollback(name: string): Promise<void> {
    return this.#store.update((tx) => {
      const reason = { message: 'manually requested rollback', failedTaskId: '' };
      tx.update('service', rolledBack(serviceOf(tx, name), [], reason, this.#nowMs));
    });
  }

  #spec(name: string, global: boolean, named: ReadonlyMap<string, string>): CompleteServiceSpec {
    const dependencies = (named.get('depends') ?? '').split(',').flatMap((text): Dependency[] => {
      const [service = '', condition = '', ...more] = text.split(':');
      const says = { restart: more.includes('restart'), optional: more.includes('optional') };
      const known = CONDITIONS[condition] ?? DependencyCondition.STARTED;
      return service === '' ? [] : [{ service, condition: known, ...says }];
    });
    const replicas = Number(named.get('replicas') ?? 1);
    const spec = completeServiceSpec(
      serviceSpec(name, {
        global,
        replicas,
        dependencies,
        image: named.get('image') ?? 'v1',
        configs: (named.get('configs') ?? '').split(',').filter((config) => config !== ''),
        placement: placementOf(named),
        networkOf: named.get('network-of') ?? '',
        preStart: (named.get('pre-start') ?? '').split(',').filter((one) => one !== ''),
        volumes: (named.get('volumes') ?? '').split(',').filter((volume) => volume !== ''),
      }),
    );
    const delay = named.get('delay');
    const restart = {
      condition: RESTART[named.get('restart') ?? 'any'] ?? RestartCondition.ANY,
      maxAttempts: Number(named.get('max-attempts') ?? 0),
      windowMs: Number(named.get('window') ?? 0),
      ...(delay === undefined ? {} : { delayMs: Number(delay) }),
    };
    const reservations = { nanoCpus: 0, memoryBytes: Number(named.get('memory') ?? 0), pids: 0 };
    const genericReservations = Object.entries(pairsOf(named.get('generic'))).map(([kind, count]) => ({
      kind,
      count: Number(count),
    }));
    const mode = jobMode(named) ?? spec.mode;
    const update = updateOf(named, 'update-');
    const rollback = updateOf(named, 'rollback-');
    return {
      ...spec,
      mode,
      update,
      rollback,
      task: { ...spec.task, restart, resources: { limits: undefined, reservations, genericReservations } },
    };
  }

  /** Other content: another object with the name. */
  #putConfig(name: string): Promise<void> {
    return this.#store.update((tx) => {
      const [known] = tx.find('config', { by: 'name', value: name });
      if (known !== undefined) tx.update('config', { ...known, pendingDelete: true });
      this.#configs += 1;
      const spec = { annotations: { name, labels: {} }, data: Buffer.alloc(0), templateDriver: '' };
      tx.create('config', { id: `c${this.#configs}`, spec, pendingDelete: false });
    });
  }

  #removeServices(names: readonly string[]): Promise<void> {
    return this.#store.update((tx) => {
      for (const service of names.flatMap((name) => tx.get('service', name) ?? [])) {
        tx.update('service', { ...service, pendingDelete: true });
      }
    });
  }

  #report(taskId: string, stateName: string, named: ReadonlyMap<string, string>): Promise<void> {
    const state = STATES.get(stateName);
    if (state === undefined) throw new Error(`no such state: ${stateName}`);
    return this.#store.update((tx) => {
      const task = tx.get('task', taskId);
      if (task === undefined) throw new Error(`no such task: ${taskId}`);
      const pid = Number(named.get('pid') ?? task.status.pid);
      const timestampMs = this.#nowMs;
      const startedAtMs = state === TaskState.RUNNING ? timestampMs : task.status.startedAtMs;
      const endedAtMs = state > TaskState.RUNNING ? timestampMs : 0;
      const containerId = state >= TaskState.STARTING && state !== TaskState.REJECTED ? taskId : '';
      const preStartDone = task.runsPreStart && state === TaskState.RUNNING ? true : task.status.preStartDone;
      const status = {
        ...task.status,
        preStartDone,
        state,
        pid,
        timestampMs,
        startedAtMs,
        endedAtMs,
        containerId,
        message: '',
      };
      pinVolumes(tx, tx.update('task', { ...task, status }), new Set());
    });
  }

  /** Agents of all nodes, or of some, do at once what they are told. */
  async #reportAll(nodes: readonly string[]): Promise<void> {
    for (const task of this.#tasks()) {
      const { state } = task.status;
      // Said before.
      if (state === TaskState.RUNNING && isWanted(task)) continue;
      const assigned = state >= TaskState.ASSIGNED && state <= TaskState.RUNNING;
      if (!assigned || (nodes.length > 0 && !nodes.includes(task.nodeId))) continue;
      await this.#report(task.id, isWanted(task) ? 'RUNNING' : 'SHUTDOWN', new Map());
    }
  }

  async #settle(): Promise<void> {
    for (let before = -1; before !== this.#log.appliedIndex; ) {
      before = this.#log.appliedIndex;
      for (const loop of this.#loops) {
        await this.#store.update((tx) => {
          for (const key of loop.allKeys(tx)) loop.reconcile(tx, key, this.#nowMs);
        });
      }
    }
  }

  #differences(): string[] {
    const tasks = this.#tasks().map((task): [string, string] => [this.#label(task.id), this.#describe(task)]);
    const now = new Map([...this.#describedConfigs(), ...tasks, ...this.#pins(), ...this.#updates()]);
    const lines: string[] = [];
    for (const [label, text] of now) {
      const before = this.#shown.get(label);
      if (before === undefined) lines.push(`+ ${label} ${text}`);
      else if (before !== text) lines.push(`~ ${label} ${text}`);
    }
    for (const label of this.#shown.keys()) if (!now.has(label)) lines.push(`- ${label}`);
    this.#shown = now;
    return lines.length === 0 ? ['(nothing)'] : lines;
  }

  /** The service's present spec, and how its update stands; '' when there was none. */
  updateOf(name: string): { readonly state: string; readonly specVersion: number } {
    const service = this.#store.view((read) => read.get('service', name));
    if (service === undefined) throw new Error(`no such service: ${name}`);
    const { updateStatus, specVersion } = service;
    return { state: updateStatus === undefined ? '' : (UPDATE_STATES.get(updateStatus.state) ?? ''), specVersion };
  }

  /** How the updates of services stand, by name. */
  #updates(): Map<string, string> {
    const services = this.#store.view((read) => read.find('service', { by: 'all' }));
    return new Map(
      services.flatMap(({ id, specVersion, updateStatus }) => {
        if (updateStatus === undefined) return [];
        const message = updateStatus.message.replace(/task (\w+)/, (_, task: string) => `task ${this.#label(task)}`);
        return [[id, `v${specVersion} ${UPDATE_STATES.get(updateStatus.state)}: ${message}`]];
      }),
    );
  }

  #pins(): [label: string, text: string][] {
    const pins = this.#store.view((read) => read.find('volumePin', { by: 'all' }));
    return pins.map(({ id, nodeId }) => [id, `pinned to ${nodeId}`]);
  }

  #list(): string[] {
    return this.#tasks().map((task) => `${this.#label(task.id)} ${this.#describe(task)}`);
  }

  #describedConfigs(): [label: string, text: string][] {
    const configs = this.#store.view((read) => read.find('config', { by: 'all' }));
    return configs
      .sort((a, b) => a.meta.createdVersion - b.meta.createdVersion)
      .map(({ id, spec, pendingDelete }) => [
        id,
        `config ${spec.annotations.name}${pendingDelete ? ', replaced' : ''}`,
      ]);
  }

  #describe(task: TaskObject): string {
    const state = nameOf(task.status.state);
    const told = task.desiredState === TaskState.RUNNING ? '' : `→${nameOf(task.desiredState)}`;
    const message = task.status.message === '' ? '' : ` "${task.status.message}"`;
    const given = task.genericResources.flatMap(genericResourceTexts).map((text) => ` ${text}`);
    return `${task.serviceName}.${task.slot || task.nodeId} ${task.nodeId || '-'} v${task.specVersion} ${state}${told}${given.join('')}${message}`;
  }

  #tasks(): TaskObject[] {
    const tasks = this.#store.view((read) => read.find('task', { by: 'all' }));
    return tasks.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #label(id: string): string {
    const known = this.#labels.get(id) ?? `t${this.#labels.size + 1}`;
    this.#labels.set(id, known);
    return known;
  }

  #taskId(label: string): string {
    return [...this.#labels].find(([, known]) => known === label)?.[0] ?? label;
  }
}

function serviceOf(read: ReadTransaction, name: string): ServiceObject {
  const service = read.get('service', name);
  if (service === undefined) throw new Error(`no such service: ${name}`);
  return service;
}

/** With the ids of the configs that have the names now. */
function withConfigs(read: ReadTransaction, spec: CompleteServiceSpec): CompleteServiceSpec {
  const { container } = spec.task;
  const configs = container.configs.map((reference) => {
    const [config] = read.find('config', { by: 'name', value: reference.name });
    return { ...reference, id: config?.id ?? reference.name };
  });
  return { ...spec, task: { ...spec.task, container: { ...container, configs } } };
}

/** `parallelism=N update-delay=MS update-order=start-first update-failure=rollback update-monitor=MS update-ratio=R`, or rollback-... */
function updateOf(named: ReadonlyMap<string, string>, prefix: 'update-' | 'rollback-'): UpdateConfig | undefined {
  const parallelism = named.get(prefix === 'update-' ? 'parallelism' : 'rollback-parallelism');
  const about = (name: string) => named.get(`${prefix}${name}`);
  const monitor = about('monitor');
  const names = ['delay', 'order', 'failure', 'monitor', 'ratio'];
  if (parallelism === undefined && names.every((name) => about(name) === undefined)) return undefined;
  return {
    parallelism: Number(parallelism ?? 1),
    delayMs: Number(about('delay') ?? 0),
    order: about('order') === 'start-first' ? UpdateOrder.START_FIRST : UpdateOrder.STOP_FIRST,
    failureAction: FAILURE_ACTIONS[about('failure') ?? 'pause'] ?? FailureAction.PAUSE,
    ...(monitor === undefined ? {} : { monitorMs: Number(monitor) }),
    maxFailureRatio: Number(about('ratio') ?? 0),
  };
}

/** `without=NAME,...`: services that aren't waited for */
function leftOutOf(named: ReadonlyMap<string, string>): ReadonlySet<string> {
  return new Set((named.get('without') ?? '').split(','));
}

/** `job=TOTAL at-once=N`, or `job=global` */
function jobMode(named: ReadonlyMap<string, string>): CompleteServiceSpec['mode'] {
  const job = named.get('job');
  if (job === undefined) return undefined;
  if (job === 'global') return { $case: 'globalJob', value: {} };
  const totalCompletions = Number(job);
  const maxConcurrent = Number(named.get('at-once') ?? totalCompletions);
  return { $case: 'replicatedJob', value: { totalCompletions, maxConcurrent } };
}

/** "gpu=a,gpu=b,ssd=2" */
function genericOf(named: ReadonlyMap<string, string>): GenericResource[] {
  const texts = (named.get('generic') ?? '').split(',').filter((text) => text !== '');
  const resources = parseGenericResources(texts);
  if (!Array.isArray(resources)) throw new Error(`no generic resource: ${resources.text}`);
  return resources;
}

/** "zone:a,disk:ssd" */
function pairsOf(text: string | undefined): Record<string, string> {
  const pairs = (text ?? '').split(',').filter((pair) => pair !== '');
  return Object.fromEntries(pairs.map((pair) => pair.split(':', 2)));
}

/** `constraints=KEY==VALUE,... spread=KEY,... per-node=N strategy=binpack` */
function placementOf(named: ReadonlyMap<string, string>): Placement | undefined {
  const list = (name: string) => (named.get(name) ?? '').split(',').filter((item) => item !== '');
  const placement = {
    constraints: list('constraints'),
    spread: list('spread'),
    maxReplicasPerNode: Number(named.get('per-node') ?? 0),
    strategy: named.get('strategy') === 'binpack' ? PlacementStrategy.BINPACK : PlacementStrategy.UNSPECIFIED,
    platforms: list('platforms').flatMap((text) => parsePlatform(text) ?? []),
    imagePlatforms: list('image-platforms').flatMap((text) => parsePlatform(text) ?? []),
  };
  const { constraints, spread, maxReplicasPerNode, strategy, platforms, imagePlatforms } = placement;
  const lists = [constraints, spread, platforms, imagePlatforms];
  return lists.flat().length + maxReplicasPerNode + strategy > 0 ? placement : undefined;
}

function nameOf(state: TaskState): string {
  return [...STATES].find(([, value]) => value === state)?.[0] ?? String(state);
}
