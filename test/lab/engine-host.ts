/** What can be done with any host that runs a gantryd, however the host itself is made. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { type CommandOptions, type CommandResult, runCommand } from './command.ts';
import { until } from './until.ts';

/** Of the checkout. */
export const ROOT = resolve(import.meta.dirname, '../..');

/** For a machine that does other things, too. */
const START_MS = 60_000;

export type DaemonName = 'gantryd' | 'manager';

export interface HostPlace {
  readonly name: string;
  /** All that it keeps lies below. */
  readonly directory: string;
  /** As other hosts reach it. */
  readonly address: string;
}

export abstract class EngineHost implements HostPlace {
  readonly name: string;
  readonly directory: string;
  readonly address: string;

  protected constructor({ name, directory, address }: HostPlace) {
    this.name = name;
    this.directory = directory;
    this.address = address;
  }

  get dataRoot(): string {
    return join(this.directory, 'data');
  }

  get execRoot(): string {
    return join(this.directory, 'run');
  }

  get logPath(): string {
    return join(this.directory, 'gantryd.log');
  }

  /** As GANTRY_HOST takes it. */
  get socket(): string {
    return `unix://${this.execRoot}/gantry.sock`;
  }

  /** A command line as it runs on the host. */
  abstract inside(argv: readonly string[]): string[];

  /** The same for what stays there; where a host has more to it, it belongs to all of that. */
  protected resident(argv: readonly string[]): string[] {
    return this.inside(argv);
  }

  /** Starts gantryd and waits until it answers. It outlives this process. */
  protected async startDaemon(flags: readonly string[]): Promise<ChildProcess> {
    const log = openSync(this.logPath, 'a');
    const argv = [join(ROOT, 'agent/bin/gantryd'), '--data-root', this.dataRoot, '--exec-root', this.execRoot];
    argv.push('--host', this.socket, '--name', this.name, ...flags);
    const [program = '', ...args] = this.resident(argv);
    const daemon = spawn(program, args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    const isRunning = () => daemon.exitCode === null && daemon.signalCode === null;
    // Its socket is asked, not a command: many hosts start at once, and commands would take the time from the daemons. It
    // listens last of all: who can connect is answered.
    await until('gantryd to listen, or to end', async () => !isRunning() || (await this.listens()), START_MS).catch(
      (error: Error) => {
        throw new Error(`${this.name}: ${error.message}\n${this.log()}`, { cause: error });
      },
    );
    if (!isRunning()) throw new Error(`gantryd of ${this.name} ended:\n${this.log()}`);
    return daemon;
  }

  /** Whether somebody accepts connections on the daemon's socket. */
  protected listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(join(this.execRoot, 'gantry.sock'));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
    });
  }

  /** What gantryd and its manager complained about: warnings and worse, and what isn't a log line. */
  log(): string {
    const lines = readFileSync(this.logPath, 'utf8').split('\n');
    const complaints = lines.filter((line) => !/^\{"level":[123]0,/.test(line));
    return complaints.map((line) => line.slice(0, 2000)).join('\n');
  }

  /** The command line of the CLI on this host. */
  command(args: readonly string[]): string[] {
    return this.inside([join(ROOT, 'cli/bin/gantry'), '--host', this.socket, ...args]);
  }

  gantry(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand(this.command(args), options);
  }

  /** A command that must succeed; what it printed, without the last line end. */
  async ok(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.gantry(args, options);
    if (code !== 0) throw new Error(`gantry ${args.join(' ')} exited with ${code}\n${stdout}${stderr}\n${this.log()}`);
    return stdout.trimEnd();
  }

  /**
   * What a command prints that only looks, run in this process: one of its own takes 100 ms of a processor, and who waits for
   * something looks often.
   */
  async look(args: readonly string[]): Promise<string> {
    // Hosts are also made where nobody looks, as by the lab's own commands.
    const { runCli } = await import('../../cli/fake-daemon.testing.ts');
    const surroundings = { env: process.env, cwd: process.cwd(), nowMs: Date.now() };
    const { exitCode, stdout, stderr } = await runCli(this.socket, args, surroundings);
    if (exitCode !== 0) throw new Error(`gantry ${args.join(' ')} failed\n${stdout}${stderr}`);
    return stdout.trimEnd();
  }
}
