/** Programs that talk over the network from inside a namespace, for as long as they are wanted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { isIP } from 'node:net';

/** Answers each datagram with its text and the address that it came from. `at`: an address of the kind that it is asked on. */
export function serveUdp(prefix: readonly string[], port: number, text: string, at = '0.0.0.0'): Promise<Talker> {
  const answer = `(_, from) => s.send('${text} ' + from.address, from.port, from.address)`;
  return Talker.start(
    prefix,
    `const s = dgram.createSocket('udp${isIP(at)}').on('message', ${answer}).bind(${port}, '${at}', () => console.log('ready'))`,
  );
}

/** `ask` sends a datagram from a port of its own, and is the answer. */
export function udpClient(prefix: readonly string[], address: string, port: number): Promise<Talker> {
  return Talker.start(
    prefix,
    `const ask = () => dgram.createSocket('udp${isIP(address)}', function (m) { console.log(String(m)); this.close() }).send('?', ${port}, '${address}');
     process.stdin.on('data', ask); console.log('ready')`,
  );
}

/** Sends back what it is sent. */
export function serveEcho(prefix: readonly string[], port: number, at = '0.0.0.0'): Promise<Talker> {
  return Talker.start(
    prefix,
    `net.createServer((s) => s.pipe(s)).listen(${port}, '${at}', () => console.log('ready'))`,
  );
}

/** One connection all the time; `ask` is what comes back. */
export function connection(prefix: readonly string[], address: string, port: number): Promise<Talker> {
  return Talker.start(
    prefix,
    `const s = net.connect(${port}, '${address}', () => { console.log('ready'); process.stdin.pipe(s).pipe(process.stdout) })`,
  );
}

export class Talker {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** When it has written its first line. */
  static async start(prefix: readonly string[], source: string): Promise<Talker> {
    const [program = '', ...args] = [...prefix, process.execPath, '-e', source];
    const talker = new Talker(spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await talker.#line();
    return talker;
  }

  /** Throws when nothing comes within 5 s. */
  async ask(text = '?'): Promise<string> {
    const answer = this.#line();
    this.#child.stdin?.write(`${text}\n`);
    return answer;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #line(): Promise<string> {
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('a program without output');
    const [text] = await once(stdout, 'data', { signal: AbortSignal.timeout(5_000) });
    return String(text).trim();
  }
}
