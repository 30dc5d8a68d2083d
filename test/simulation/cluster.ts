/** The nodes of one run and the network between them. */
import type { Message, PeerId } from '../../manager/raft/message.ts';
import { Checkers } from './checkers/checkers.ts';
import { describeMessage } from './describe.ts';
import { Network } from './network.ts';
import { Node } from './node.ts';
import type { Random } from './prng.ts';
import type { Process } from './process.ts';
import type { Scenario } from './scenario.ts';
import { Scheduler } from './scheduler.ts';
import { count, type Tally } from './tally.ts';
import type { Trace } from './trace.ts';

/** The first nodes' logs begin with a snapshot at this place, so that a node that joins gets the configuration with it. */
const BIRTH = { index: 1, term: 1 };

export class Cluster {
  readonly scenario: Scenario;
  readonly random: Random;
  readonly scheduler = new Scheduler();
  readonly tally: Tally = new Map();
  readonly checkers: Checkers;
  readonly network: Network;
  readonly nodes: readonly Node[];
  readonly trace: Trace;
  /** Called for each new leader. */
  onElected: (node: Node) => void = () => undefined;
  /** Set when a majority of the voters was to be removed: then nobody may be able to lead any more. */
  majorityRemoved: boolean = false;

  constructor(scenario: Scenario, random: Random, trace: Trace) {
    this.scenario = scenario;
    this.random = random;
    this.trace =
      trace === undefined ? undefined : (line) => trace(`${this.scheduler.steps}\t${this.scheduler.now}\t${line}`);
    this.checkers = new Checkers((id, { index, term }) => this.node(id)?.disk.has(index, term) ?? false);
    this.network = new Network(this.scheduler, random, scenario.network, {
      deliver: (message) => this.#deliver(message),
      lost: (message) => this.#lost(message),
    });
    this.nodes = Array.from({ length: scenario.nodes + scenario.spares }, (_, position) =>
      this.#newNode(String(position + 1)),
    );
    this.#found(this.nodes.slice(0, scenario.nodes));
  }

  node(id: PeerId): Node | undefined {
    return this.nodes[Number(id) - 1];
  }

  get running(): Node[] {
    return this.nodes.filter(({ process }) => process !== undefined);
  }

  /** Those that believe that they lead; not all of them need to be right. */
  get leaders(): Process[] {
    const processes = this.nodes.map(({ responding }) => responding).filter((process) => process !== undefined);
    return processes.filter(({ raw }) => raw.softState.role === 'leader');
  }

  #newNode(id: PeerId): Node {
    const { scenario, scheduler, random, checkers, tally, trace } = this;
    const send = (message: Message) => this.#send(message);
    const elected = (node: Node) => this.onElected(node);
    return new Node({ id, scenario, scheduler, random, checkers, tally, trace, send, elected });
  }

  /** Writes the first state on the first voters' disks, and starts them. */
  #found(nodes: readonly Node[]): void {
    const voters = nodes.map(({ id }) => id);
    const configuration = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    const installed = { ...BIRTH, configuration, data: new Uint8Array(12) };
    const hardState = { term: BIRTH.term, vote: '', commit: BIRTH.index };
    for (const { disk } of nodes) {
      disk.write({ hardState, installed, entries: [], taken: undefined });
      disk.syncedTo(disk.written);
    }
    for (const node of nodes) node.start();
  }

  #send(message: Message): void {
    this.trace?.(`  sends ${describeMessage(message)}`);
    this.network.send(message);
  }

  #deliver(message: Message): void {
    const node = this.node(message.to);
    if (node?.process === undefined) {
      this.#lost(message);
      return;
    }
    this.trace?.(`${message.to} receives ${describeMessage(message)}`);
    node.deliver(message);
    if (message.type === 'install-snapshot') this.#reportSnapshot(message, true);
  }

  #lost(message: Message): void {
    count(this.tally, 'messages lost');
    this.trace?.(`lost: ${describeMessage(message)}`);
    if (message.type === 'install-snapshot') this.#reportSnapshot(message, false);
  }

  /** As the core's contract demands: who waits for a snapshot to be installed hears what became of it. */
  #reportSnapshot({ from, to }: Message, arrived: boolean): void {
    this.node(from)?.withProcess((process) => process.do((raw) => raw.reportSnapshot(to, arrived)));
  }
}
