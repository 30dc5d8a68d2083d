/** The commands of etcd's interaction traces. */
import type { ConfigChange, ProposalResult, SingleChange } from '../message.ts';
import { describeMessage, describeProgress, describeState, V1_CONTEXT } from './describe.testing.ts';
import type { Recipient, TraceEnvironment } from './environment.testing.ts';
import type { TraceNode } from './node.testing.ts';
import { idOf } from './node-id.testing.ts';
import { parseNodeOptions, TraceError } from './options.testing.ts';
import { LOG_LEVELS } from './output.testing.ts';
import { type Command, parseCommand, type Step } from './script.testing.ts';

type Executor = (environment: TraceEnvironment, command: Command) => void;

const COMMANDS: ReadonlyMap<string, Executor> = new Map<string, Executor>([
  ['_breakpoint', () => {}],
  ['add-nodes', addNodes],
  ['campaign', (environment, command) => first(environment, command).raw.campaign()],
  ['compact', compact],
  ['deliver-msgs', deliverMessages],
  ['forget-leader', (environment, command) => first(environment, command).raw.forgetLeader()],
  ['log-level', ({ output }, { plain }) => setLevel(output, plain[0])],
  ['process-append-thread', forEach('processing append thread', (env, node) => env.processAppend(node))],
  ['process-apply-thread', forEach('processing apply thread', (env, node) => env.processApply(node))],
  ['process-ready', forEach('handling Ready', (env, node) => env.processReady(node))],
  ['propose', propose],
  ['raft-log', (environment, command) => environment.raftLog(first(environment, command))],
  ['raft-state', ({ output, nodes }) => output.write(...nodes.map(({ raw }) => describeState(raw.status())))],
  ['read-index', readIndex],
  ['report-unreachable', reportUnreachable],
  ['send-snapshot', sendSnapshot],
  ['set-randomized-election-timeout', setElectionTimeout],
  ['stabilize', stabilize],
  ['status', status],
  ['tick', (environment, command) => tick(first(environment, command), Number(command.plain[1]))],
  ['tick-election', (environment, command) => tickTimeout(first(environment, command), 'electionTicks')],
  ['tick-heartbeat', (environment, command) => tickTimeout(first(environment, command), 'heartbeatTicks')],
  ['transfer-leadership', transferLeadership],
]);

/** Runs one step; what it shows, line by line. */
export function runStep(environment: TraceEnvironment, { command, input }: Step): string[] {
  if (command.name === 'propose-conf-change') {
    attempt(environment, () => proposeConfigChange(environment, command, input.join(' ')));
  } else {
    for (const each of [command, ...input.map(parseCommand)]) attempt(environment, () => execute(environment, each));
  }
  const lines = environment.output.take();
  return lines.length === 0 ? ['ok'] : lines;
}

/** A command that isn't possible says so, whatever the log level is. */
function attempt({ output }: TraceEnvironment, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    output.writeAlways(error.message);
  }
}

function execute(environment: TraceEnvironment, command: Command): void {
  const executor = COMMANDS.get(command.name);
  if (executor === undefined) throw new TraceError('unknown command');
  executor(environment, command);
}

function addNodes(environment: TraceEnvironment, { plain, named }: Command): void {
  const options = parseNodeOptions(named);
  for (let count = Number(plain[0]); count > 0; count -= 1) environment.add(options);
}

function compact(environment: TraceEnvironment, command: Command): void {
  const node = first(environment, command);
  const index = Number(command.plain[1]);
  if (index < node.storage.firstIndex()) throw new TraceError('requested index is unavailable due to compaction');
  node.storage.compact(index);
  environment.raftLog(node);
}

function deliverMessages(environment: TraceEnvironment, { plain, named }: Command): void {
  const recipients: Recipient[] = [
    ...plain.map((number) => ({ id: idOf(Number(number)), drop: false })),
    ...(named.get('drop') ?? []).map((number) => ({ id: idOf(Number(number)), drop: true })),
  ];
  if (environment.deliver(recipients, named.get('type')?.[0]) === 0) environment.output.write('no messages');
}

function setLevel(output: TraceEnvironment['output'], name = ''): void {
  const level = name.toLowerCase();
  if (!LOG_LEVELS.includes(level)) {
    throw new TraceError(`log levels must be either of [${LOG_LEVELS.map((one) => one.toUpperCase()).join(' ')}]`);
  }
  output.level = level;
}

/** For each node named; with a heading where it is more than one. */
function forEach(what: string, handle: (environment: TraceEnvironment, node: TraceNode) => void): Executor {
  return (environment, { plain }) => {
    for (const number of plain.map(Number)) {
      const node = environment.node(number);
      if (plain.length === 1) handle(environment, node);
      else environment.output.section(`> ${number} ${what}`, () => handle(environment, node));
    }
  };
}

function propose(environment: TraceEnvironment, command: Command): void {
  const data = command.plain[1] ?? '';
  expectTaken(first(environment, command).raw.propose([Buffer.from(data)]));
}

function proposeConfigChange(environment: TraceEnvironment, command: Command, input: string): void {
  const v1 = command.named.get('v1')?.[0] === 'true';
  const name = command.named.get('transition')?.[0] ?? 'auto';
  const transition = TRANSITIONS.get(name);
  if (transition === undefined) throw new TraceError(`unknown transition ${name}`);
  const changes = input.split(/\s+/).filter(isNotEmpty).map(parseChange);
  if (v1 && (changes.length > 1 || transition !== 'auto')) {
    throw new TraceError('v1 conf change can only have one operation and no transition');
  }
  const change: ConfigChange = { transition, changes, context: v1 ? V1_CONTEXT : new Uint8Array() };
  expectTaken(first(environment, command).raw.proposeConfigChange(change));
}

const TRANSITIONS: ReadonlyMap<string, ConfigChange['transition']> = new Map([
  ['auto', 'auto'],
  ['implicit', 'joint-implicit'],
  ['explicit', 'joint-explicit'],
]);

const CHANGE_TYPES: ReadonlyMap<string, SingleChange['type']> = new Map([
  ['v', 'add-voter'],
  ['l', 'add-learner'],
  ['r', 'remove'],
  ['u', 'update'],
]);

function parseChange(token: string): SingleChange {
  const type = CHANGE_TYPES.get(token.charAt(0));
  if (token.length < 2) throw new TraceError(`unknown token ${token}`);
  if (type === undefined) throw new TraceError(`unknown input: ${token}`);
  return { type, node: idOf(Number(token.slice(1))) };
}

function readIndex(environment: TraceEnvironment, command: Command): void {
  first(environment, command).raw.readIndex(Buffer.from(command.plain[1] ?? ''));
}

function reportUnreachable(environment: TraceEnvironment, command: Command): void {
  if (command.plain.length !== 2) {
    throw new TraceError('must specify exactly two node indexes: node on which to report, and reported node');
  }
  first(environment, command).raw.reportUnreachable(idOf(Number(command.plain[1])));
}

function sendSnapshot(environment: TraceEnvironment, command: Command): void {
  const { id, raw, state } = first(environment, command);
  const to = idOf(Number(command.plain[1]));
  const message = { type: 'install-snapshot', from: id, to, term: raw.status().term, snapshot: state } as const;
  environment.post(message);
  environment.output.write(...describeMessage(message));
}

function setElectionTimeout(environment: TraceEnvironment, command: Command): void {
  first(environment, command).raw.setElectionTimeout(Number(command.named.get('timeout')?.[0]));
}

function stabilize(environment: TraceEnvironment, { plain, named }: Command): void {
  const { output, nodes } = environment;
  const before = output.level;
  const level = named.get('log-level')?.[0];
  if (level !== undefined) setLevel(output, level);
  environment.stabilize(plain.length === 0 ? nodes : plain.map((number) => environment.node(Number(number))));
  output.level = before;
}

function status(environment: TraceEnvironment, command: Command): void {
  environment.output.write(...first(environment, command).raw.status().progress.map(describeProgress));
}

function tick({ raw }: TraceNode, ticks: number): void {
  for (let count = ticks; count > 0; count -= 1) raw.tick();
}

function tickTimeout(node: TraceNode, which: 'electionTicks' | 'heartbeatTicks'): void {
  tick(node, node[which]);
}

function transferLeadership(environment: TraceEnvironment, { named }: Command): void {
  const [from, to] = [Number(named.get('from')?.[0]), Number(named.get('to')?.[0])];
  environment.node(from).raw.transferLeadership(environment.node(to).id);
}

function expectTaken(result: ProposalResult): void {
  if (result === 'dropped') throw new TraceError('raft proposal dropped');
}

function first(environment: TraceEnvironment, { plain }: Command): TraceNode {
  return environment.node(Number(plain[0]));
}

function isNotEmpty(text: string): boolean {
  return text !== '';
}
