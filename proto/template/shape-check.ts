/**
 * Finds what a parsed template can't do with data of a known shape, in all of its branches, before there is data: fields that
 * don't exist, and functions with too few arguments. Pure.
 */
import type { TemplateFunctions } from './functions.ts';
import { type Command, type Expression, type Node, type Pipeline, type Place, TemplateError } from './syntax.ts';

/** What is known of a value. */
export type Shape =
  | { readonly kind: 'text' }
  | { readonly kind: 'map'; readonly of: Shape }
  | { readonly kind: 'struct'; readonly fields: Readonly<Record<string, Shape>> }
  | { readonly kind: 'unknown' };

export const TEXT: Shape = { kind: 'text' };
const UNKNOWN: Shape = { kind: 'unknown' };

/** Throws TemplateError for the first that is found. */
export function checkShape(nodes: readonly Node[], data: Shape, functions: TemplateFunctions): void {
  new ShapeCheck(data, functions).checkList(nodes, data);
}

interface Variable {
  readonly name: string;
  shape: Shape;
}

class ShapeCheck {
  readonly #functions: TemplateFunctions;
  /** Innermost last; a scope is a length to return to. */
  readonly #variables: Variable[];

  constructor(data: Shape, functions: TemplateFunctions) {
    this.#functions = functions;
    this.#variables = [{ name: '$', shape: data }];
  }

  checkList(nodes: readonly Node[], dot: Shape): void {
    for (const node of nodes) this.#checkNode(node, dot);
  }

  #checkNode(node: Node, dot: Shape): void {
    if (node.kind === 'action') this.#assign(node.pipeline, this.#commands(node.pipeline, dot));
    if (node.kind !== 'if' && node.kind !== 'with' && node.kind !== 'range') return;
    const depth = this.#variables.length;
    const value = this.#commands(node.pipeline, dot);
    this.#assign(node.pipeline, node.kind === 'range' ? UNKNOWN : value);
    this.checkList(node.body, bodyDot(node.kind, dot, value));
    this.checkList(node.otherwise, dot);
    this.#variables.length = depth;
  }

  /** A variable that is given something else later on may be anything from then on, as that may be in a branch. */
  #assign({ variables, declares }: Pipeline, shape: Shape): void {
    for (const name of variables) {
      const known = this.#variables.findLast((variable) => variable.name === name);
      if (declares || known === undefined) this.#variables.push({ name, shape });
      else known.shape = UNKNOWN;
    }
  }

  #commands(pipeline: Pipeline, dot: Shape): Shape {
    return pipeline.commands.reduce<Shape>((_, command, position) => {
      return this.#command(command, position > 0, pipeline, dot);
    }, UNKNOWN);
  }

  #command([first, ...rest]: Command, isPiped: boolean, pipeline: Pipeline, dot: Shape): Shape {
    const [argument] = rest.map((expression) => this.#expression(expression, pipeline, dot));
    if (first.kind !== 'function') return this.#expression(first, pipeline, dot);
    this.#checkCall(first.name, first.place, rest.length + Number(isPiped), pipeline);
    const isLookup = first.name === 'index' && rest.length === 2 && argument?.kind === 'map';
    return isLookup ? argument.of : UNKNOWN;
  }

  #checkCall(name: string, place: Place, given: number, pipeline: Pipeline): void {
    const wanted = this.#functions.get(name)?.length ?? 0;
    if (given < wanted) throw fault(place, pipeline, `wrong number of args for ${name}: want ${wanted} got ${given}`);
  }

  #expression(expression: Expression, pipeline: Pipeline, dot: Shape): Shape {
    switch (expression.kind) {
      case 'literal':
        return typeof expression.value === 'string' ? TEXT : UNKNOWN;
      case 'dot':
        return dot;
      case 'variable':
        return this.#variables.findLast(({ name }) => name === expression.name)?.shape ?? UNKNOWN;
      case 'function':
        this.#checkCall(expression.name, expression.place, 0, pipeline);
        return UNKNOWN;
      case 'pipeline':
        return this.#commands(expression.pipeline, dot);
      case 'field': {
        const receiver = expression.of === undefined ? dot : this.#expression(expression.of, pipeline, dot);
        return fieldOf(receiver, expression.name, (reason) => fault(expression.place, pipeline, reason));
      }
    }
  }
}

function bodyDot(kind: 'if' | 'with' | 'range', dot: Shape, value: Shape): Shape {
  if (kind === 'if') return dot;
  if (kind === 'with') return value;
  return value.kind === 'map' ? value.of : UNKNOWN;
}

function fieldOf(receiver: Shape, name: string, fail: (reason: string) => TemplateError): Shape {
  switch (receiver.kind) {
    case 'unknown':
      return UNKNOWN;
    case 'map':
      return receiver.of;
    case 'text':
      throw fail(`can't evaluate field ${name} in type string`);
    case 'struct': {
      const shape = Object.hasOwn(receiver.fields, name) ? receiver.fields[name] : undefined;
      if (shape !== undefined) return shape;
      throw fail(`there is no field ${name}; there are ${Object.keys(receiver.fields).join(', ')}`);
    }
  }
}

function fault(place: Place, pipeline: Pipeline, reason: string): TemplateError {
  return new TemplateError(`${place.line}:${place.column}: executing "" at <${pipeline.source}>: ${reason}`);
}
