/** --progress=rawjson: a JSON object per line, with BuildKit's names for what is in it (client.SolveStatus). */
import { createHash } from 'node:crypto';
import type { WriteStream } from 'node:tty';
import type { BuildStep, BuildStepEnd, BuildStepOutput, BuildWarning } from '../../proto/generated/gantry/v1/engine.ts';
import type { BuildDisplay } from './build-display.ts';
import { stepTitle } from './step-output.ts';

interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly started: string;
}

const STDOUT = 1;

export class RawJsonBuildDisplay implements BuildDisplay {
  readonly #stream: Pick<WriteStream, 'write'>;
  readonly #nowMs: () => number;
  readonly #vertexes = new Map<number, Vertex>();

  constructor(stream: Pick<WriteStream, 'write'>, nowMs: () => number) {
    this.#stream = stream;
    this.#nowMs = nowMs;
  }

  step(step: BuildStep): void {
    const name = stepTitle(step);
    const digest = `sha256:${createHash('sha256').update(`${step.number} ${name}`).digest('hex')}`;
    const vertex = { digest, name, started: this.#now() };
    this.#vertexes.set(step.number, vertex);
    this.#say({ vertexes: [step.cached ? { ...vertex, completed: vertex.started, cached: true } : vertex] });
  }

  stepOutput({ number, data }: BuildStepOutput): void {
    const vertex = this.#vertexes.get(number)?.digest;
    const log = { vertex, stream: STDOUT, data: Buffer.from(data).toString('base64'), timestamp: this.#now() };
    this.#say({ logs: [log] });
  }

  stepEnd({ number, error }: BuildStepEnd): void {
    const vertex = this.#vertexes.get(number);
    const failure = error === '' ? {} : { error };
    this.#say({ vertexes: [{ ...vertex, completed: this.#now(), ...failure }] });
  }

  warning({ rule, message, line }: BuildWarning): void {
    const short = Buffer.from(`${rule}: ${message} (line ${line})`).toString('base64');
    this.#say({ warnings: [{ level: 1, short }] });
  }

  note(text: string): void {
    this.#say({ logs: [{ stream: STDOUT, data: Buffer.from(text).toString('base64'), timestamp: this.#now() }] });
  }

  excerpt(): void {
    // For people: the error that follows names the line.
  }

  end(): void {
    // Each line is whole by itself.
  }

  #now(): string {
    return new Date(this.#nowMs()).toISOString();
  }

  #say(status: object): void {
    this.#stream.write(`${JSON.stringify(status)}\n`);
  }
}
