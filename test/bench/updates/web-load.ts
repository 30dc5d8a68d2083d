/** Requests to the published port of one host, from outside, for as long as is wanted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Host } from '../../lab/host.ts';

export interface LoadReport {
  readonly requests: number;
  readonly slow: number;
  /** On connections that were kept, and that the server had ended. */
  readonly retried: number;
  readonly failures: readonly string[];
  /** How many requests the server has seen from each address. */
  readonly clients: Readonly<Record<string, number>>;
  /** Milliseconds, of those that are answered at once. */
  readonly slowest: number;
}

export interface LoadOptions {
  readonly perSecond: number;
  /** 0: none. */
  readonly slowMs: number;
}

export class WebLoad {
  readonly #child: ChildProcess;
  readonly #output: Promise<string>;

  private constructor(child: ChildProcess, output: Promise<string>) {
    this.#child = child;
    this.#output = output;
  }

  static async start(from: Host, url: string, { perSecond, slowMs }: LoadOptions): Promise<WebLoad> {
    const program = join(import.meta.dirname, 'web-clients.ts');
    const argv = from.inside([process.execPath, program, url, String(perSecond), String(slowMs)]);
    const [command = '', ...args] = argv;
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const output = text(child.stdout);
    await once(child.stdout, 'data');
    return new WebLoad(child, output);
  }

  /** After what is under way has been answered. */
  async end(): Promise<LoadReport> {
    this.#child.stdin?.end();
    const lines = (await this.#output).trim().split('\n');
    return JSON.parse(lines.at(-1) ?? '') as LoadReport;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
