/** Somebody who changes who takes part and who leads, whatever else goes on. */
import type { Cluster } from './cluster.ts';
import { drawChange, keepsMajority } from './membership.ts';
import type { Process } from './process.ts';
import { count } from './tally.ts';

const TRANSFER_SHARE = 0.2;
/** Of the changes that are asked of any node, where they may be. */
const FORWARDED_SHARE = 0.3;

export class Administrator {
  readonly #cluster: Cluster;
  #over: boolean = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  start(): void {
    const { scheduler, random, scenario } = this.#cluster;
    const { changeIntervalMs } = scenario;
    if (changeIntervalMs === undefined) return;
    scheduler.after(random.between(1, 2 * changeIntervalMs), () => {
      if (this.#over) return;
      this.#next();
      this.start();
    });
  }

  end(): void {
    this.#over = true;
  }

  #next(): void {
    const { random, scenario, leaders, running } = this.#cluster;
    const any = random.pick(running);
    const leader = random.pick(leaders);
    if (random.chance(TRANSFER_SHARE)) any?.withProcess((process) => this.#transferLeadership(process));
    // Whether a majority stays is sure only where the configuration is the leader's.
    else if (scenario.removesMajorities && random.chance(FORWARDED_SHARE)) {
      any?.withProcess((process) => this.#changeMembership(process));
    } else if (leader !== undefined) this.#changeMembership(leader);
  }

  #changeMembership(by: Process): void {
    const { random, scenario, nodes, tally, trace } = this.#cluster;
    const ids = nodes.map(({ id }) => id);
    const change = drawChange(random, by.configuration, ids);
    if (change === undefined) return;
    if (by.raw.softState.role !== 'leader' || !keepsMajority(by.configuration, change)) {
      if (!scenario.removesMajorities) return;
      this.#cluster.majorityRemoved = true;
    }
    const words = change.changes.map(({ type, node }) => `${type} ${node}`);
    trace?.(`${by.id} is to change: ${change.transition} ${words.join(', ') || 'leave'}`);
    count(tally, 'changes asked for');
    for (const { node } of change.changes) this.#cluster.node(node)?.start();
    by.do((raw) => raw.proposeConfigChange(change));
  }

  /** Any node can be asked: who doesn't lead asks the leader. */
  #transferLeadership(process: Process): void {
    const { random, tally, trace } = this.#cluster;
    const to = random.pick(process.configuration.voters);
    if (to === undefined) return;
    trace?.(`${process.id} is to hand over to ${to}`);
    count(tally, 'transfers asked for');
    process.do((raw) => raw.transferLeadership(to));
  }
}
