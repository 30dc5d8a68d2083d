/**
 * One client: one operation at a time, through any node, with pauses between. What isn't answered in time is given up; a
 * write may still have happened then.
 */
import type { Cluster } from './cluster.ts';
import type { ClientId, WriteId } from './operation.ts';
import type { Process } from './process.ts';
import { TICK_MS } from './scenario.ts';
import { count } from './tally.ts';

const TIMEOUT_TICKS = 30;

export class Client {
  readonly #id: ClientId;
  readonly #cluster: Cluster;
  /** Of operations, of either kind. */
  #sequence = 0;
  #ended: boolean = false;

  constructor(id: ClientId, cluster: Cluster) {
    this.#id = id;
    this.#cluster = cluster;
  }

  start(): void {
    const { scheduler, random, scenario } = this.#cluster;
    scheduler.after(random.between(1, scenario.thinkMs), () => this.#next());
  }

  /** After what it is doing. */
  end(): void {
    this.#ended = true;
  }

  #next(): void {
    if (this.#ended) return;
    const { random, scenario, running, leaders } = this.#cluster;
    const leader = random.chance(0.5) ? random.pick(leaders) : undefined;
    const node = leader === undefined ? random.pick(running) : this.#cluster.node(leader.id);
    this.#sequence += 1;
    if (node?.process === undefined) {
      this.start();
      return;
    }
    const { process } = node;
    const sequence = this.#sequence;
    // The request waits when the node is stopped; the client's patience doesn't.
    this.#cluster.scheduler.after(TIMEOUT_TICKS * TICK_MS, () => this.#giveUp(process, sequence));
    node.withProcess(random.chance(scenario.readShare) ? this.#read(sequence) : this.#write(sequence));
  }

  #write(sequence: number): (process: Process) => void {
    const { checkers, random, scenario, tally, trace } = this.#cluster;
    const write: WriteId = { client: this.#id, sequence };
    const floor = checkers.linearizability.begin();
    return (process) => {
      if (this.#sequence !== sequence) return;
      trace?.(`${process.id} client ${this.#id} writes ${sequence}`);
      const taken = process.write(write, random.below(scenario.maxPaddingBytes), (version) => {
        trace?.(`${process.id} client ${this.#id} has written ${sequence}: version ${version}`);
        count(tally, 'writes');
        checkers.linearizability.wrote(floor, version);
        this.#done();
      });
      if (!taken && this.#sequence === sequence) this.#giveUp(process, sequence);
    };
  }

  #read(sequence: number): (process: Process) => void {
    const { checkers, tally, trace } = this.#cluster;
    const floor = checkers.linearizability.begin();
    return (process) => {
      if (this.#sequence !== sequence) return;
      trace?.(`${process.id} client ${this.#id} reads ${sequence}`);
      process.read(this.#context(sequence), (version) => {
        trace?.(`${process.id} client ${this.#id} has read ${sequence}: version ${version}`);
        count(tally, 'reads');
        checkers.linearizability.read(floor, version);
        this.#done();
      });
    };
  }

  #giveUp(process: Process, sequence: number): void {
    if (this.#sequence !== sequence) return;
    count(this.#cluster.tally, 'operations given up');
    process.forget(this.#id, this.#context(sequence));
    this.#done();
  }

  #done(): void {
    // Whatever is still said of the operation is of no interest.
    this.#sequence += 1;
    this.start();
  }

  #context(sequence: number): string {
    return `${this.#id}.${sequence}`;
  }
}
