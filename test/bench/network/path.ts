/** How fast a way through the network is: bytes in one connection, and questions with answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { output, runCommand } from '../../lab/command.ts';
import { until } from '../../lab/until.ts';

export interface Ports {
  readonly stream: number;
  readonly echo: number;
}

/** That servers listen on, and that they are published as. */
export const OWN: Ports = { stream: 5201, echo: 5202 };
export const PUBLISHED: Ports = { stream: 6201, echo: 6202 };

/** From one network namespace to another; each prefix makes a command run in one. */
export interface Path {
  readonly name: string;
  readonly client: readonly string[];
  readonly server: readonly string[];
  /** As the client reaches the server. */
  readonly address: string;
  readonly ports: Ports;
}

export interface Speed {
  readonly gigabits: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

const SECONDS = 2;
const ROUND_TRIPS = 5000;

export async function measure(path: Path): Promise<Speed> {
  const gigabits = await stream(path);
  return { gigabits, ...(await roundTrips(path)) };
}

interface StreamResult {
  readonly error?: string;
  readonly end: { readonly sum_received?: { readonly bits_per_second: number } };
}

async function stream(path: Path): Promise<number> {
  const { client, server, address, ports } = path;
  const [program = '', ...args] = [...server, 'iperf3', '-s', '-1', '-p', String(OWN.stream)];
  const serving = spawn(program, args, { stdio: 'ignore' });
  try {
    await until('iperf3', async () => isListening(server, OWN.stream));
    const argv = [...client, 'iperf3', '-J', '-c', address, '-p', String(ports.stream), '-t', String(SECONDS)];
    const result = JSON.parse(await output(argv)) as StreamResult;
    if (result.end.sum_received === undefined) throw new Error(`${path.name}: iperf3: ${result.error}`);
    return result.end.sum_received.bits_per_second / 1e9;
  } finally {
    serving.kill('SIGKILL');
  }
}

async function roundTrips({ client, server, address, ports }: Path): Promise<Pick<Speed, 'p50' | 'p99'>> {
  const program = join(import.meta.dirname, 'round-trips.ts');
  const [command = '', ...args] = [...server, process.execPath, program, 'serve', String(OWN.echo)];
  const serving = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    if (serving.stdout !== null) await once(serving.stdout, 'data');
    const argv = [...client, process.execPath, program, 'ask', address, String(ports.echo), String(ROUND_TRIPS)];
    return JSON.parse(await output(argv)) as Pick<Speed, 'p50' | 'p99'>;
  } finally {
    serving.kill('SIGKILL');
  }
}

async function isListening(server: readonly string[], port: number): Promise<boolean> {
  const { stdout } = await runCommand([...server, 'ss', '-tlnH', `sport = :${port}`]);
  return stdout.trim() !== '';
}
