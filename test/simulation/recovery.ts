/**
 * The end of a run: all trouble is over, and the cluster has to get well within bounded time. There is one leader, a write
 * gets through, and all members have everything that was ever acknowledged.
 */
import { Violation } from './checkers/violation.ts';
import type { Cluster } from './cluster.ts';
import { isMember, leaveJoint } from './membership.ts';
import { CALM_NETWORK } from './network.ts';
import type { Process } from './process.ts';
import { TICK_MS } from './scenario.ts';
import type { SimulatedMs } from './scheduler.ts';

/** No other client has this id. */
const PROBE_CLIENT = 1000;
/** A probe may get lost with a leader that is replaced: another is written after so many ticks. */
const PROBE_AGAIN_TICKS = 20;
const PATIENCE_TICKS = 200;
const PATIENCE_ELECTIONS = 20;

export class Recovery {
  readonly #cluster: Cluster;
  #probes = 0;
  #probed: boolean = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Throws when the cluster doesn't get well. */
  run(): void {
    const { majorityRemoved, scenario } = this.#cluster;
    const { tuning } = scenario;
    // With neither of these two nobody tells a leader of an earlier term that it leads no more, and it may never hear.
    if (majorityRemoved || !(tuning.preVote || tuning.checkQuorum)) return;
    this.#endTrouble();
    const patience = PATIENCE_TICKS + PATIENCE_ELECTIONS * tuning.electionTicks;
    const begin = this.#cluster.scheduler.now;
    for (let tick = 1; tick <= patience; tick += 1) {
      this.#runUntil(begin + tick * TICK_MS);
      const leader = this.#leader();
      if (leader === undefined) continue;
      if (this.#isWell(leader)) return;
      this.#help(leader, tick);
    }
    throw new Violation('liveness', `not well ${patience} ticks after the last trouble: ${this.#describe()}`);
  }

  #endTrouble(): void {
    const { network, nodes, scenario, trace } = this.#cluster;
    trace?.('the trouble is over');
    network.become(CALM_NETWORK);
    network.unblockAll();
    for (const node of nodes) {
      node.resume();
      node.clockRate = 1;
      node.applyMs = 0;
      node.syncMs = Math.min(scenario.syncMs, TICK_MS / 10);
      // Not a spare that was never added.
      if (node.everStarted) node.start();
    }
  }

  #runUntil(time: SimulatedMs): void {
    const { scheduler } = this.#cluster;
    while ((scheduler.next ?? Number.POSITIVE_INFINITY) <= time) scheduler.step();
  }

  /** The one that a majority of its voters follows, once it has applied all that is committed. */
  #leader(): Process | undefined {
    const leader = this.#cluster.leaders.find((candidate) => this.#isFollowed(candidate));
    return leader !== undefined && leader.applied === leader.raw.hardState.commit ? leader : undefined;
  }

  #isFollowed({ id, raw, configuration: { voters } }: Process): boolean {
    const following = voters.filter((voter) => {
      const follower = this.#cluster.node(voter)?.process?.raw;
      return follower?.hardState.term === raw.hardState.term && follower.softState.leader === id;
    });
    return 2 * following.length > voters.length;
  }

  /** What an administrator would do: end a change that doesn't end by itself, take away who was removed; and write. */
  #help(leader: Process, tick: number): void {
    const { nodes, scenario } = this.#cluster;
    const { preVote, checkQuorum, stepDownOnRemoval } = scenario.tuning;
    // Who doesn't know that it was removed disturbs nobody, and who led leads no more.
    const removedAreHarmless = preVote && checkQuorum && stepDownOnRemoval;
    // Nothing that its log has can change the configuration any more.
    const settled = leader.raw.lastIndex === leader.applied;
    const { votersOutgoing, autoLeave } = leader.configuration;
    if (votersOutgoing.length > 0 && !autoLeave) leader.do((raw) => raw.proposeConfigChange(leaveJoint()));
    for (const node of nodes) {
      if (isMember(leader.configuration, node.id)) node.start();
      else if (settled && !removedAreHarmless) node.crash();
    }
    if (!this.#probed && tick % PROBE_AGAIN_TICKS === 0) this.#probe(leader);
  }

  #probe(leader: Process): void {
    this.#probes += 1;
    const { linearizability } = this.#cluster.checkers;
    const floor = linearizability.begin();
    leader.write({ client: PROBE_CLIENT, sequence: this.#probes }, 1, (version) => {
      linearizability.wrote(floor, version);
      this.#probed = true;
    });
  }

  #isWell(leader: Process): boolean {
    const { checkers, nodes } = this.#cluster;
    if (!this.#probed || leader.configuration.votersOutgoing.length > 0) return false;
    const members = nodes.filter(({ id }) => isMember(leader.configuration, id)).map(({ process }) => process);
    if (!members.every((member) => member?.applied === leader.applied && member.counter.hash === leader.counter.hash))
      return false;
    const { acknowledged } = checkers.linearizability;
    if (leader.counter.version >= acknowledged) return true;
    throw new Violation(
      'durability',
      `version ${acknowledged} was acknowledged, but all have ${leader.counter.version}`,
    );
  }

  #describe(): string {
    return this.#cluster.running
      .map(
        ({ id, process }) =>
          `${id} ${process?.raw.softState.role} in term ${process?.raw.hardState.term}, applied ${process?.applied}`,
      )
      .join('; ');
  }
}
