/** One node through all its lives: its disk, its clock, and the process that runs on them, or doesn't. */
import type { Message, PeerId } from '../../manager/raft/message.ts';
import type { Checkers } from './checkers/checkers.ts';
import { Disk } from './disk.ts';
import { DiskQueue } from './disk-queue.ts';
import type { Random } from './prng.ts';
import { Process } from './process.ts';
import type { Scenario } from './scenario.ts';
import { TICK_MS } from './scenario.ts';
import type { Scheduler, SimulatedMs } from './scheduler.ts';
import { count, type Tally } from './tally.ts';
import type { Trace } from './trace.ts';

export interface NodeOptions {
  readonly id: PeerId;
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly checkers: Checkers;
  readonly tally: Tally;
  readonly trace: Trace;
  readonly send: (message: Message) => void;
  readonly elected: (node: Node) => void;
}

export class Node {
  readonly id: PeerId;
  readonly disk = new Disk();
  readonly #options: NodeOptions;
  #process: Process | undefined;
  #queue: DiskQueue | undefined;
  /** What has reached the process while it was stopped. */
  #held: (() => void)[] | undefined;
  #syncMs: SimulatedMs;
  #applyMs: SimulatedMs;
  /** Of its clock: 2 ticks twice as fast as 1. */
  #rate = 1;
  #everStarted: boolean = false;

  constructor(options: NodeOptions) {
    this.id = options.id;
    this.#options = options;
    this.#syncMs = options.scenario.syncMs;
    this.#applyMs = options.scenario.applyMs;
  }

  /** Undefined while the node is down. */
  get process(): Process | undefined {
    return this.#process;
  }

  /** Undefined while the node is down or stopped: it answers nobody. */
  get responding(): Process | undefined {
    return this.#held === undefined ? this.#process : undefined;
  }

  get everStarted(): boolean {
    return this.#everStarted;
  }

  set syncMs(syncMs: SimulatedMs) {
    this.#syncMs = syncMs;
  }

  set applyMs(applyMs: SimulatedMs) {
    this.#applyMs = applyMs;
  }

  set clockRate(rate: number) {
    this.#rate = rate;
  }

  start(): void {
    if (this.#process !== undefined) return;
    this.#everStarted = true;
    const { scheduler, random, trace, elected, ...options } = this.#options;
    const queue = new DiskQueue(
      this.disk,
      scheduler,
      random,
      () => this.#syncMs,
      (done) => this.#run(done),
    );
    trace?.(`${this.id} starts`);
    const process = new Process({
      ...options,
      trace,
      disk: this.disk,
      queue,
      random: () => random.next(),
      elected: () => elected(this),
      applyDelay: () => random.between(0, this.#applyMs),
      later: (delay, action) => scheduler.after(delay, () => this.#runIn(process, action)),
    });
    this.#queue = queue;
    this.#process = process;
    this.#tickLater(process);
  }

  crash(): void {
    if (this.#process === undefined) return;
    const { checkers, random, tally, trace } = this.#options;
    this.#queue?.close();
    this.#process = undefined;
    this.#held = undefined;
    checkers.crashed(this.id);
    const { lostRecords, torn } = this.disk.crash(random);
    count(tally, 'crashes');
    if (lostRecords > 0) count(tally, 'crashes that lost writes');
    if (torn) count(tally, 'torn writes');
    trace?.(`${this.id} crashes and loses ${lostRecords} writes${torn ? ', one of them torn' : ''}`);
  }

  /** As SIGSTOP does it: the node does nothing, and doesn't notice. */
  stop(): void {
    if (this.#process === undefined) return;
    this.#held ??= [];
    this.#options.trace?.(`${this.id} is stopped`);
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    if (held.length > 0) this.#options.trace?.(`${this.id} goes on, with ${held.length} events waiting`);
    for (const action of held) this.#options.scheduler.after(0, action);
  }

  deliver(message: Message): void {
    this.withProcess((process) => process.do((raw) => raw.step(message)));
  }

  /** Does something with the process that runs now, once it isn't stopped; nothing when there is none, or no longer. */
  withProcess(action: (process: Process) => void): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#runIn(process, () => action(process));
  }

  /** Once the process isn't stopped, and only while it is the one that runs. */
  #runIn(process: Process, action: () => void): void {
    this.#run(() => {
      if (this.#process === process) action();
    });
  }

  #run(action: () => void): void {
    if (this.#held === undefined) action();
    else this.#held.push(() => this.#run(action));
  }

  #tickLater(process: Process): void {
    this.#options.scheduler.after(Math.max(Math.round(TICK_MS / this.#rate), 1), () => {
      this.#runIn(process, () => {
        process.do((raw) => raw.tick());
        this.#tickLater(process);
      });
    });
  }
}
