/**
 * `service create` with 10 replicas and `service scale` to 50 on one host, beside Docker Swarm on the same image in the same
 * run: from the command until all run. Both with --detach, so that Swarm's five seconds of watching aren't in it; both
 * with their roots on one disk, and what is only needed while they run in memory, where both have it by default.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from '../../lab/command.ts';
import { Host } from '../../lab/host.ts';
import { exportBusybox, importBusybox } from '../../lab/image.ts';
import { DockerPeer } from '../docker-peer.ts';
import { median } from '../statistics.ts';
import { ServiceEngine, type ServiceTimes } from './service-engine.ts';

const ROUNDS = 3;
const FIRST_REPLICAS = 10;
const REPLICAS = 50;
const print = (line: string) => process.stdout.write(`${line}\n`);

interface Round {
  readonly create: ServiceTimes;
  readonly scale: ServiceTimes;
}

async function measureRound(engine: ServiceEngine, name: string): Promise<Round> {
  const create = await engine.create(name, FIRST_REPLICAS);
  const scale = await engine.scale(name, REPLICAS);
  await engine.remove(name);
  return { create, scale };
}

async function openSwarm(docker: DockerPeer): Promise<ServiceEngine> {
  const archive = join(tmpdir(), `gantry-bench-${process.pid}.tar`);
  await exportBusybox(archive);
  await output(docker.command(['import', archive, 'busybox']));
  await output(['rm', archive]);
  await output(docker.command(['swarm', 'init', '--advertise-addr', '127.0.0.1']));
  // The image is nowhere but here, and a virtual address needs IPVS, which not every kernel has.
  return new ServiceEngine((args) => docker.command(args), ['--no-resolve-image', '--endpoint-mode', 'dnsrr']);
}

async function openGantry(host: Host): Promise<ServiceEngine> {
  await host.keepRunInMemory();
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', '10.99.0.1']);
  await importBusybox(host);
  return new ServiceEngine((args) => host.command(args));
}

function printRounds(name: string, of: (round: Round) => ServiceTimes, ours: Round[], theirs: Round[]): void {
  const medians = (rounds: readonly Round[], what: keyof ServiceTimes) =>
    median(rounds.map((round) => of(round)[what]));
  for (const [what, text] of [
    ['shownMs', 'all shown as running'],
    ['startedMs', 'last container started'],
  ] as const) {
    const [gantry, swarm] = [medians(ours, what), medians(theirs, what)];
    const beside =
      theirs.length === 0
        ? 'swarm: not measured, install docker.io'
        : `swarm ${swarm.toFixed(0)} ms; ${(swarm / gantry).toFixed(1)} times faster`;
    print(`${name.padEnd(28)} ${text}: gantry ${gantry.toFixed(0)} ms, ${beside}`);
  }
}

const host = await Host.create('service');
let docker: DockerPeer | undefined;
try {
  const gantry = await openGantry(host);
  docker = await DockerPeer.start();
  const swarm = docker && (await openSwarm(docker));
  const [ours, theirs]: [Round[], Round[]] = [[], []];
  for (let round = 1; round <= ROUNDS; round += 1) {
    ours.push(await measureRound(gantry, `web${round}`));
    if (swarm !== undefined) theirs.push(await measureRound(swarm, `web${round}`));
  }
  printRounds(`service create, ${FIRST_REPLICAS} replicas`, ({ create }) => create, ours, theirs);
  printRounds(`service scale, ${FIRST_REPLICAS} to ${REPLICAS}`, ({ scale }) => scale, ours, theirs);
} finally {
  await docker?.stop();
  await host.destroy();
}
