/** The output of a build's steps, line by line, and the last lines of those that fail. Pure. */
import { StringDecoder } from 'node:string_decoder';
import type { BuildStep, BuildStepEnd, BuildStepOutput } from '../../proto/generated/gantry/v1/engine.ts';

const TAIL_LINES = 20;

/** "[build 2/5] RUN make" */
export function stepTitle({ place, text }: Pick<BuildStep, 'place' | 'text'>): string {
  return place === '' ? text : `[${place}] ${text}`;
}

export function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}

interface Tail {
  readonly title: string;
  readonly decoder: StringDecoder;
  rest: string;
  lines: string[];
}

export class StepTails {
  readonly #tails = new Map<number, Tail>();

  begin(step: BuildStep): void {
    if (step.cached) return;
    this.#tails.set(step.number, { title: stepTitle(step), decoder: new StringDecoder('utf8'), rest: '', lines: [] });
  }

  /** The lines that are whole now; of those that a command overwrites with "\r", what is left at the end. */
  add({ number, data }: BuildStepOutput): string[] {
    const tail = this.#tails.get(number);
    if (tail === undefined) return [];
    const parts = (tail.rest + tail.decoder.write(data)).split('\n');
    tail.rest = parts.pop() ?? '';
    return keep(tail, parts);
  }

  /** What is left of a line when its step ends. */
  finish(number: number): string[] {
    const tail = this.#tails.get(number);
    if (tail === undefined || tail.rest === '') return [];
    const { rest } = tail;
    tail.rest = '';
    return keep(tail, [rest]);
  }

  /** The last lines of a step that still runs, with the one that it is writing. */
  last(number: number, count: number): string[] {
    const tail = this.#tails.get(number);
    if (tail === undefined) return [];
    return (tail.rest === '' ? tail.lines : [...tail.lines, ...lastStates([tail.rest])]).slice(-count);
  }

  /** The block that tells what a step printed before it failed; empty when it didn't. The step is forgotten. */
  failure({ number, error }: BuildStepEnd): string {
    this.finish(number);
    const tail = this.#tails.get(number);
    this.#tails.delete(number);
    if (error === '' || tail === undefined || tail.lines.length === 0) return '';
    return `------\n > ${tail.title}:\n${tail.lines.join('\n')}\n------\n`;
  }
}

function keep(tail: Tail, parts: readonly string[]): string[] {
  const lines = lastStates(parts);
  tail.lines = [...tail.lines, ...lines].slice(-TAIL_LINES);
  return lines;
}

/** Of lines that a command overwrites with "\r", what is left. */
function lastStates(parts: readonly string[]): string[] {
  return parts.map((line) => line.replace(/\r$/, '').split('\r').at(-1) ?? '');
}
