/** What goes wrong, and at last goes right again. One fault after the other, at random moments; several overlap. */
import type { Cluster } from './cluster.ts';
import type { FaultName } from './fault-names.ts';
import type { Node } from './node.ts';
import type { Process } from './process.ts';
import { TICK_MS } from './scenario.ts';
import type { SimulatedMs } from './scheduler.ts';
import { count } from './tally.ts';

const SLOW_DISK_MS: SimulatedMs = 10 * TICK_MS;

export class Faults {
  readonly #cluster: Cluster;
  #over: boolean = false;
  /** Counts the partitions: one that heals doesn't end a later one. */
  #partitions = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  start(): void {
    const { random, scenario, nodes } = this.#cluster;
    this.#cluster.onElected = (node) => this.#ambush(node);
    for (const node of nodes) node.clockRate = this.#clockRate();
    if (scenario.faults.length > 0) this.#later(random.between(1, 2 * scenario.faultIntervalMs), () => this.#next());
  }

  /** No more of it; what was done is undone by who calls. */
  end(): void {
    this.#over = true;
  }

  #next(): void {
    const { random, scenario, tally, trace } = this.#cluster;
    const name = random.pick(scenario.faults);
    if (name === undefined) return;
    count(tally, `fault: ${name}`);
    trace?.(`fault: ${name}`);
    this.#inject[name]();
    this.#later(random.between(1, 2 * scenario.faultIntervalMs), () => this.#next());
  }

  readonly #inject: Record<FaultName, () => void> = {
    crash: () => this.#crash(this.#anyRunning()),
    'crash leader': () => this.#crash(this.#anyLeading()),
    'crash all': () => {
      for (const node of this.#cluster.running) this.#crash(node);
    },
    partition: () => this.#partition(),
    'isolate leader': () => this.#isolate(this.#anyLeading()),
    'one-way partition': () => this.#partitionOneWay(),
    stop: () => this.#stop(this.#anyRunning()),
    clock: () => this.#changeClock(),
    'slow disk': () => this.#slowDisk(),
    campaign: () => this.#withAny((process) => process.do((raw) => raw.campaign())),
    'report unreachable': () => this.#reportUnreachable(),
    snapshot: () => this.#withAny((process) => process.takeSnapshot(0)),
    'forget leader': () => this.#withAny((process) => process.do((raw) => raw.forgetLeader())),
  };

  /** A leader falls before it has done much. */
  #ambush(leader: Node): void {
    const { random, scenario, tally, trace } = this.#cluster;
    if (!random.chance(scenario.ambushProbability)) return;
    const falls = [() => this.#crash(leader), () => this.#isolate(leader)];
    if (scenario.faults.includes('stop')) falls.push(() => this.#stop(leader));
    const fall = random.pick(falls);
    this.#later(random.below(scenario.ambushMs), () => {
      count(tally, 'fault: ambush');
      trace?.(`fault: ambush on ${leader.id}`);
      fall?.();
    });
  }

  // ---- nodes ----

  #crash(node: Node | undefined): void {
    if (node === undefined) return;
    node.crash();
    this.#later(this.#duration(), () => node.start());
  }

  #stop(node: Node | undefined): void {
    if (node === undefined) return;
    node.stop();
    this.#later(this.#duration(), () => node.resume());
  }

  #changeClock(): void {
    const node = this.#anyRunning();
    if (node !== undefined) node.clockRate = this.#clockRate();
  }

  #slowDisk(): void {
    const node = this.#anyRunning();
    if (node === undefined) return;
    node.syncMs = SLOW_DISK_MS;
    this.#later(this.#duration(), () => {
      node.syncMs = this.#cluster.scenario.syncMs;
    });
  }

  // ---- network ----

  #partition(): void {
    const ids = this.#cluster.nodes.map(({ id }) => id);
    const one = this.#cluster.random.some(ids, 0.5);
    this.#cluster.network.separate(
      one,
      ids.filter((id) => !one.includes(id)),
    );
    this.#healLater();
  }

  #isolate(node: Node | undefined): void {
    if (node === undefined) return;
    const others = this.#cluster.nodes.filter((other) => other !== node).map(({ id }) => id);
    this.#cluster.network.separate([node.id], others);
    this.#healLater();
  }

  #partitionOneWay(): void {
    const { nodes, random, network } = this.#cluster;
    const [senders, receivers] = [random.some(nodes, 0.4), random.some(nodes, 0.4)];
    for (const from of senders) for (const to of receivers) if (from !== to) network.block(from.id, to.id);
    this.#healLater();
  }

  #healLater(): void {
    this.#partitions += 1;
    const partition = this.#partitions;
    this.#later(this.#duration(), () => {
      if (this.#partitions === partition) this.#cluster.network.unblockAll();
    });
  }

  #reportUnreachable(): void {
    const to = this.#cluster.random.pick(this.#cluster.nodes);
    if (to !== undefined) this.#withAny((process) => process.do((raw) => raw.reportUnreachable(to.id)));
  }

  // ---- choosing ----

  #anyRunning(): Node | undefined {
    return this.#cluster.random.pick(this.#cluster.running);
  }

  #anyLeading(): Node | undefined {
    const leader = this.#cluster.random.pick(this.#cluster.leaders);
    return leader === undefined ? undefined : this.#cluster.node(leader.id);
  }

  #withAny(action: (process: Process) => void): void {
    this.#anyRunning()?.withProcess(action);
  }

  #clockRate(): number {
    const { random, scenario } = this.#cluster;
    const factor = 1 + random.next() * (scenario.clockSkew - 1);
    return random.chance(0.5) ? factor : 1 / factor;
  }

  #duration(): SimulatedMs {
    const { random, scenario } = this.#cluster;
    return random.between(1, scenario.maxFaultTicks * TICK_MS);
  }

  #later(delay: SimulatedMs, action: () => void): void {
    this.#cluster.scheduler.after(delay, () => {
      if (!this.#over) action();
    });
  }
}
