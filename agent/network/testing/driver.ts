/**
 * A gantryd's networks, alone: the engine in a process of its own, which the test puts into a network namespace and
 * may kill. Reads one call per line from standard input, writes one result per line to standard output.
 */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { native } from '../../../native/addon/native.ts';
import { toGantryError } from '../../../proto/errors.ts';
import { NetworkEngine } from '../engine.ts';

export interface DriverOptions {
  readonly dataDir: string;
  readonly execDir: string;
  readonly instance: string;
  readonly upstream: readonly string[];
}

export interface DriverCall {
  readonly id: number;
  readonly method: keyof NetworkEngine;
  readonly parameters: readonly unknown[];
}

export type DriverResult =
  | { readonly id: number; readonly result: unknown; readonly milliseconds: number }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };

const options = JSON.parse(process.argv[2] ?? '{}') as DriverOptions;
const logger = pino({ level: process.env.GANTRY_LOG_LEVEL ?? 'warn' }, pino.destination(2));
const engine = new NetworkEngine({ ...options, native, clock: Date.now, random: randomBytes, logger });

async function answer(call: DriverCall): Promise<DriverResult> {
  const start = performance.now();
  try {
    const method = engine[call.method] as (...parameters: readonly unknown[]) => Promise<unknown>;
    const result = await method.apply(engine, [...call.parameters]);
    return { id: call.id, result: result ?? null, milliseconds: performance.now() - start };
  } catch (thrown) {
    if (process.env.GANTRY_LOG_LEVEL === 'debug') logger.error({ err: thrown });
    const { code, message } = toGantryError(thrown);
    return { id: call.id, error: { code, message } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  // Not awaited: calls overlap, as they do in the agent.
  void answer(JSON.parse(line) as DriverCall).then((result) => process.stdout.write(`${JSON.stringify(result)}\n`));
}
process.exit(0);
