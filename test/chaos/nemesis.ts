/** Lets the faults of a plan befall the hosts, one after the other, and heals each. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../lab/host.ts';
import type { Lan } from '../lab/lan.ts';
import { deafness, type Fault, type FaultKind } from './fault-plan.ts';
import { fillDisk, freeDisk } from './full-disk.ts';

export interface NemesisOptions {
  readonly lan: Lan;
  readonly plan: Iterator<Fault, never>;
  /** The host that leads as far as is known. */
  readonly leader: () => Host | undefined;
  readonly print: (line: string) => void;
}

type Heal = () => Promise<void>;

const nothingToHeal: Heal = async () => undefined;

export class Nemesis {
  readonly counts = new Map<FaultKind, number>();
  readonly #options: NemesisOptions;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Resolves when the signal has aborted and the last fault is healed. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const fault = this.#options.plan.next().value;
      this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
      const heal = await this.#inject(fault);
      await rest(fault.holdMs, signal);
      await heal();
      await rest(fault.restMs, signal);
    }
  }

  async #inject(fault: Fault): Promise<Heal> {
    const { lan, print } = this.#options;
    const victims = fault.minority.flatMap((number) => lan.hosts[number] ?? []);
    const victim = this.#victim(fault, victims);
    print(`${fault.kind}: ${isBetweenHosts(fault) ? victims.map(({ name }) => name) : victim.name}`);
    switch (fault.kind) {
      case 'kill':
      case 'kill the leader':
        signalManager(victim.pid('manager'), 'SIGKILL');
        return nothingToHeal;
      case 'stop':
      case 'stop the leader':
        return stopManager(victim);
      case 'pull the plug':
        await lan.setConnected(victim, false);
        return () => lan.setConnected(victim, true);
      case 'split':
      case 'deaf':
      case 'mute':
        return deafen(lan, deafness(fault, lan.hosts.length));
      case 'full disk':
        await fillDisk(victim);
        return () => freeDisk(victim);
    }
  }

  #victim({ kind }: Fault, [first]: readonly Host[]): Host {
    const aimed = kind === 'kill the leader' || kind === 'stop the leader' ? this.#options.leader() : undefined;
    const victim = aimed ?? first;
    if (victim === undefined) throw new Error(`${kind}: there is no such host`);
    return victim;
  }
}

function isBetweenHosts({ kind }: Fault): boolean {
  return kind === 'split' || kind === 'deaf' || kind === 'mute';
}

async function stopManager(host: Host): Promise<Heal> {
  const pid = host.pid('manager');
  signalManager(pid, 'SIGSTOP');
  return async () => signalManager(pid, 'SIGCONT');
}

function signalManager(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Dropped on the wire: a sender is told nothing. */
async function deafen(lan: Lan, pairs: ReadonlyMap<number, readonly number[]>): Promise<Heal> {
  const ways = [...pairs].flatMap(([listener, speakers]) => speakers.map((speaker) => [speaker, listener] as const));
  const forAll = async (change: (from: Host, to: Host) => Promise<void>) => {
    for (const [speaker, listener] of ways) {
      const [from, to] = [lan.hosts[speaker], lan.hosts[listener]];
      if (from !== undefined && to !== undefined) await change(from, to);
    }
  };
  await forAll((from, to) => lan.cut(from, to));
  return () => forAll((from, to) => lan.heal(from, to));
}

/** Ends early when the signal aborts. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
