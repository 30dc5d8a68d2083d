/**
 * Tasks that come and go on one host, 10,000 or as many as are asked for: what gantryd and its manager keep of them. Each
 * round replaces all tasks of a service. Shown when both have just started, after a warm-up, on the way to the end, and a
 * minute after the service was removed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { output } from '../../lab/command.ts';
import { Host } from '../../lab/host.ts';
import { importBusybox } from '../../lab/image.ts';
import { memoryText, type ProcessMemory, readMemory } from './process-memory.ts';

const REPLICAS = 50;
const WARM_UP = 500;
const LOOKS = 5;
/** For what isn't needed any more to be given back. */
const REST_MS = 60_000;
const DAEMONS = { gantryd: '127.0.0.1:9323', manager: '127.0.0.1:9324' } as const;
type Memories = Record<keyof typeof DAEMONS, ProcessMemory>;

const print = (line: string) => process.stdout.write(`${line}\n`);

async function look(host: Host, when: string): Promise<Memories> {
  const read = async (daemon: keyof typeof DAEMONS) => {
    // The metrics are shown inside of the host only.
    const scrape = ['busybox', 'wget', '-q', '-O', '-', `http://${DAEMONS[daemon]}/metrics`];
    const memory = readMemory(host.pid(daemon), await output(host.inside(scrape)));
    print(`${when.padEnd(22)} ${daemon.padEnd(8)} ${memoryText(memory)}`);
    return memory;
  };
  return { gantryd: await read('gantryd'), manager: await read('manager') };
}

async function churn(host: Host, count: number): Promise<void> {
  for (let done = 0; done < count; done += REPLICAS)
    await host.ok(['service', 'update', '--force', '--quiet', 'churn']);
}

function printGrowth(since: string, before: Memories, after: Memories): void {
  for (const daemon of Object.keys(DAEMONS) as (keyof typeof DAEMONS)[]) {
    const growth = (of: (memory: ProcessMemory) => number) => `${percent(of(before[daemon]), of(after[daemon]))} %`;
    const total = growth(({ anonymousMb, fileMb }) => anonymousMb + fileMb);
    print(`${`since ${since}`.padEnd(22)} ${daemon.padEnd(8)} RSS ${total}, its own ${growth((m) => m.anonymousMb)}`);
  }
}

function percent(before: number, after: number): string {
  const change = (100 * (after - before)) / before;
  return `${change < 0 ? '' : '+'}${change.toFixed(0)}`;
}

const count = Number(process.argv[2] ?? 10_000);
const host = await Host.create('churn');
try {
  await host.start(['--metrics-addr', DAEMONS.gantryd, '--manager-metrics-addr', DAEMONS.manager]);
  await host.ok(['cluster', 'init', '--advertise-addr', host.address]);
  await importBusybox(host);
  const atStart = await look(host, 'just started');
  const rollout = ['--update-parallelism', '0', '--update-monitor', '1ms'];
  const flags = ['--name', 'churn', '--replicas', String(REPLICAS), '--stop-signal', 'SIGKILL', ...rollout];
  await host.ok(['service', 'create', '--quiet', ...flags, 'busybox', 'sleep', '100000']);
  await churn(host, WARM_UP);
  const warm = await look(host, `after ${WARM_UP}`);
  let last = warm;
  for (let step = 1; step <= LOOKS; step += 1) {
    await churn(host, count / LOOKS);
    last = await look(host, `after ${WARM_UP} + ${Math.round((count * step) / LOOKS)}`);
  }
  printGrowth('the start', atStart, last);
  printGrowth('the warm-up', warm, last);
  await host.ok(['service', 'rm', 'churn']);
  await sleep(REST_MS);
  printGrowth('the start, left', atStart, await look(host, 'left after a minute'));
} finally {
  await host.destroy();
}
