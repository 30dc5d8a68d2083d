/** A few nodes and the messages between them, driven by the commands of etcd's interaction traces. */
import { MemoryStorage } from '../log/memory-storage.ts';
import { type Configuration, type Message, NO_CONFIGURATION, type PeerId, type Snapshot } from '../message.ts';
import { RawNode } from '../raw-node.ts';
import { describeEntry, describeMessage, describeProgress, describeReady } from './describe.testing.ts';

export interface Command {
  readonly name: string;
  /** Without "=": node ids, data. */
  readonly plain: readonly string[];
  /** key=value and key=(value,value) */
  readonly named: ReadonlyMap<string, readonly string[]>;
}

interface Node {
  readonly id: PeerId;
  readonly raw: RawNode;
  readonly storage: MemoryStorage;
  configuration: Configuration;
}

const ELECTION_TICKS = 3;
const HEARTBEAT_TICKS = 1;

export class TraceEnvironment {
  readonly #nodes: Node[] = [];
  #messages: Message[] = [];
  #quiet: boolean = false;

  /** Runs one command; what it shows, in the trace's words. */
  run(command: Command): string[] {
    const output = this.#execute(command);
    return this.#quiet ? [] : output;
  }

  #execute({ name, plain, named }: Command): string[] {
    const [first = ''] = plain;
    switch (name) {
      case 'log-level':
        this.#quiet = first === 'none';
        return [];
      case 'add-nodes':
        for (let count = Number(first); count > 0; count -= 1) this.#add(named);
        return [];
      case 'campaign':
        this.#node(first).raw.campaign();
        return [];
      case 'propose':
        this.#node(first).raw.propose([Buffer.from(plain[1] ?? '')]);
        return [];
      case 'tick-heartbeat':
        return this.#tick(first, HEARTBEAT_TICKS);
      case 'tick-election':
        return this.#tick(first, ELECTION_TICKS);
      case 'compact':
        this.#node(first).storage.compact(Number(plain[1]));
        return [];
      case 'process-ready':
        return this.#processReady(this.#node(first));
      case 'deliver-msgs':
        return [
          ...plain.flatMap((id) => this.#deliver(id)),
          ...(named.get('drop') ?? [])
            .flatMap((id) => this.#take(id).flatMap(describeMessage))
            .map((line) => `dropped: ${line}`),
        ];
      case 'stabilize':
        return this.#stabilize(plain.length === 0 ? this.#nodes : plain.map((id) => this.#node(id)));
      case 'status':
        return this.#status(this.#node(first));
      case 'raft-log':
        return this.#log(this.#node(first));
      default:
        throw new Error(`unknown command ${name}`);
    }
  }

  #node(id: PeerId): Node {
    const node = this.#nodes[Number(id) - 1];
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  #add(options: Command['named']): void {
    const id = String(this.#nodes.length + 1);
    const configuration = { ...NO_CONFIGURATION, voters: options.get('voters') ?? [] };
    const index = Number(options.get('index')?.[0] ?? 0);
    const storage = new MemoryStorage();
    if (index > 0) storage.applySnapshot({ index, term: 1, configuration, data: new Uint8Array() });
    const raw = new RawNode({
      id,
      storage,
      applied: index,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      preVote: options.get('prevote')?.[0] === 'true',
      checkQuorum: options.get('checkquorum')?.[0] === 'true',
      maxBytesPerMessage: Number.MAX_SAFE_INTEGER,
      maxInflightMessages: Number(options.get('inflight')?.[0] ?? Number.MAX_SAFE_INTEGER),
      random: () => 0,
    });
    this.#nodes.push({ id, raw, storage, configuration });
  }

  #tick(id: PeerId, ticks: number): string[] {
    for (let count = ticks; count > 0; count -= 1) this.#node(id).raw.tick();
    return [];
  }

  #processReady(node: Node): string[] {
    const ready = node.raw.ready();
    if (ready.hardState !== undefined) node.storage.setHardState(ready.hardState);
    if (ready.snapshot !== undefined) this.#install(node, ready.snapshot);
    node.storage.append(ready.entries);
    // The state machine's snapshot is always that after the last entry applied.
    const last = ready.committedEntries.at(-1);
    if (last !== undefined) {
      node.storage.setSnapshot({
        index: last.index,
        term: last.term,
        configuration: node.configuration,
        data: new Uint8Array(),
      });
    }
    this.#messages.push(...ready.messages);
    node.raw.advance();
    return describeReady(ready);
  }

  #install(node: Node, snapshot: Snapshot): void {
    node.configuration = snapshot.configuration;
    node.storage.applySnapshot(snapshot);
  }

  /** The messages to a node, taken off the wire. */
  #take(id: PeerId): Message[] {
    const taken = this.#messages.filter(({ to }) => to === id);
    this.#messages = this.#messages.filter(({ to }) => to !== id);
    return taken;
  }

  #deliver(id: PeerId): string[] {
    const messages = this.#take(id);
    for (const message of messages) this.#node(id).raw.step(message);
    return messages.flatMap(describeMessage);
  }

  #stabilize(nodes: readonly Node[]): string[] {
    const output: string[] = [];
    const note = (head: string, lines: string[]) => output.push(head, ...lines.map((line) => `  ${line}`));
    for (let before = -1; before !== output.length; ) {
      before = output.length;
      for (const node of nodes) {
        if (node.raw.hasReady()) note(`> ${node.id} handling Ready`, this.#processReady(node));
      }
      for (const { id } of nodes) {
        if (this.#messages.some(({ to }) => to === id)) note(`> ${id} receiving messages`, this.#deliver(id));
      }
    }
    return output;
  }

  #status({ raw }: Node): string[] {
    return raw.status().progress.map((progress) => `${progress.id}: ${describeProgress(progress)}`);
  }

  #log({ storage }: Node): string[] {
    const entries = storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Number.MAX_SAFE_INTEGER);
    return entries.map(describeEntry);
  }
}
