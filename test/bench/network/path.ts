/** How fast a way through the network is: bytes in one connection, and questions with answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { output, runCommand } from '../../lab/command.ts';
import { until } from '../../lab/until.ts';

export const STREAM_PORT = 5201;
export const ECHO_PORT = 5202;

/** From one network namespace to another; each prefix makes a command run in one. */
export interface Path {
  readonly name: string;
  readonly client: readonly string[];
  readonly server: readonly string[];
  /** As the client reaches the server, at the same ports. */
  readonly address: string;
}

export interface Speed {
  readonly gigabits: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

const SECONDS = 4;
const ROUND_TRIPS = 15_000;

export async function measure(path: Path): Promise<Speed> {
  const gigabits = await stream(path);
  return { gigabits, ...(await roundTrips(path)) };
}

async function stream({ client, server, address }: Path): Promise<number> {
  const [program = '', ...args] = [...server, 'iperf3', '-s', '-1', '-p', String(STREAM_PORT)];
  const serving = spawn(program, args, { stdio: 'ignore' });
  try {
    await until('iperf3', async () => isListening(server, STREAM_PORT));
    const argv = [...client, 'iperf3', '-J', '-c', address, '-p', String(STREAM_PORT), '-t', String(SECONDS)];
    const result = JSON.parse(await output(argv)) as { end: { sum_received: { bits_per_second: number } } };
    return result.end.sum_received.bits_per_second / 1e9;
  } finally {
    serving.kill('SIGKILL');
  }
}

async function roundTrips({ client, server, address }: Path): Promise<Pick<Speed, 'p50' | 'p99'>> {
  const program = join(import.meta.dirname, 'round-trips.ts');
  const [command = '', ...args] = [...server, process.execPath, program, 'serve', String(ECHO_PORT)];
  const serving = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    if (serving.stdout !== null) await once(serving.stdout, 'data');
    const argv = [...client, process.execPath, program, 'ask', address, String(ECHO_PORT), String(ROUND_TRIPS)];
    return JSON.parse(await output(argv)) as Pick<Speed, 'p50' | 'p99'>;
  } finally {
    serving.kill('SIGKILL');
  }
}

async function isListening(server: readonly string[], port: number): Promise<boolean> {
  const { stdout } = await runCommand([...server, 'ss', '-tlnH', `sport = :${port}`]);
  return stdout.trim() !== '';
}
