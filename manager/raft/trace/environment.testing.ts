/** A few nodes, the messages between them, and what happens with both: what the commands of a trace are made of. */
import type { PeerId } from '../message.ts';
import {
  type AnyMessage,
  describeEntry,
  describeMessage,
  describeReady,
  describeWrite,
  nameOf,
} from './describe.testing.ts';
import { TraceNode } from './node.testing.ts';
import { idOf, numberOf } from './node-id.testing.ts';
import { type NodeOptions, TraceError } from './options.testing.ts';
import { Output } from './output.testing.ts';

export interface Recipient {
  readonly id: PeerId;
  /** Its messages get lost. */
  readonly drop: boolean;
}

export class TraceEnvironment {
  readonly output: Output = new Output();
  readonly #nodes: TraceNode[] = [];
  #messages: AnyMessage[] = [];

  get nodes(): readonly TraceNode[] {
    return this.#nodes;
  }

  /** Nodes have the numbers 1, 2, … in the order in which they were added. */
  node(number: number): TraceNode {
    const node = this.#nodes[number - 1];
    if (node === undefined) throw new TraceError(`node index ${number - 1} out of range [0, ${this.#nodes.length})`);
    return node;
  }

  add({ config, bootstrap }: NodeOptions): void {
    this.#nodes.push(new TraceNode({ ...config, id: idOf(this.#nodes.length + 1) }, bootstrap));
  }

  post(message: AnyMessage): void {
    this.#messages.push(message);
  }

  processReady(node: TraceNode): void {
    const ready = node.raw.ready();
    this.output.write(...describeReady(node.id, ready));
    this.#messages.push(...ready.messages);
    node.process(ready);
  }

  processAppend(node: TraceNode): void {
    const write = node.appends.shift();
    if (write === undefined) {
      this.output.write('no append work to perform');
      return;
    }
    this.output.write('Processing:', ...describeWrite(node.id, write, false));
    node.append(write);
    this.#respond(write.responses);
  }

  processApply(node: TraceNode): void {
    const write = node.applies.shift();
    if (write === undefined) {
      this.output.write('no apply work to perform');
      return;
    }
    this.output.write('Processing:', ...describeWrite(node.id, write, false));
    node.apply(write.entries);
    this.#respond(write.responses);
  }

  /** Returns how many messages were delivered or lost. `type`: only messages of this name. */
  deliver(recipients: readonly Recipient[], type?: string): number {
    let count = 0;
    for (const { id, drop } of recipients) {
      const taken = this.#messages.filter((message) => isFor(message, id, drop, type));
      this.#messages = this.#messages.filter((message) => !isFor(message, id, drop, type));
      count += taken.length;
      for (const message of taken) {
        const [first = '', ...others] = describeMessage(message);
        this.output.write(drop ? `dropped: ${first}` : first, ...others);
        if (!drop) this.#step(this.node(numberOf(id)), message);
      }
    }
    return count;
  }

  /** Goes on with these nodes until there is nothing to do for them. */
  stabilize(nodes: readonly TraceNode[]): void {
    while (this.#round(nodes));
  }

  raftLog({ storage }: TraceNode): void {
    const [first, last] = [storage.firstIndex(), storage.lastIndex()];
    if (last < first) this.output.write(`log is empty: first index=${first}, last index=${last}`);
    else this.output.write(...storage.entries(first, last + 1, Number.POSITIVE_INFINITY).map(describeEntry));
  }

  /** False when there was nothing to do. */
  #round(nodes: readonly TraceNode[]): boolean {
    const { output } = this;
    let busy = false;
    const each = (due: (node: TraceNode) => boolean, what: string, handle: (node: TraceNode) => void) => {
      for (const node of nodes) {
        if (!due(node)) continue;
        busy = true;
        output.section(`> ${numberOf(node.id)} ${what}`, () => handle(node));
      }
    };
    each(
      ({ raw }) => raw.hasReady(),
      'handling Ready',
      (node) => this.processReady(node),
    );
    each(
      ({ id }) => this.#messages.some(({ to }) => to === id),
      'receiving messages',
      ({ id }) => {
        this.deliver([{ id, drop: false }]);
      },
    );
    each(
      ({ appends }) => appends.length > 0,
      'processing append thread',
      (node) => {
        while (node.appends.length > 0) this.processAppend(node);
      },
    );
    each(
      ({ applies }) => applies.length > 0,
      'processing apply thread',
      (node) => {
        while (node.applies.length > 0) this.processApply(node);
      },
    );
    return busy;
  }

  #step({ raw }: TraceNode, message: AnyMessage): void {
    const result = raw.step(message);
    if (result === 'unknown-peer') this.output.write('raft: cannot step as peer not found');
    if (result === 'dropped') this.output.write('raft proposal dropped');
  }

  #respond(responses: readonly AnyMessage[]): void {
    this.output.write('Responses:', ...responses.flatMap(describeMessage));
    this.#messages.push(...responses);
  }
}

/** What a node tells itself, and its storage tells it, doesn't get lost. */
function isFor(message: AnyMessage, id: PeerId, drop: boolean, type: string | undefined): boolean {
  if (message.to !== id || (type !== undefined && nameOf(message) !== type)) return false;
  return !(drop && (!('from' in message) || message.from === message.to));
}
