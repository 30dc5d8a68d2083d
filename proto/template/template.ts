/**
 * Executes a Go template (text/template with Docker's functions) over plain values. The interpreter is pure: no
 * template can do more than read the data it is given.
 */
import { CallError, FUNCTIONS, HEADING_FUNCTIONS, type TemplateFunctions } from './functions.ts';
import { parseTemplate } from './parser.ts';
import { type Command, type Expression, type Node, type Pipeline, type Place, TemplateError } from './syntax.ts';
import {
  type Fields,
  isFields,
  isList,
  isMap,
  isTrue,
  printValue,
  sortedEntries,
  typeName,
  type Value,
} from './values.ts';

export interface Template {
  /** Throws TemplateError. */
  render(data: Value): string;
  /** The same template over a table's headings. */
  renderHeading(headings: ReadonlyMap<string, string>): string;
}

/** Parses a template; throws TemplateError. */
export function compileTemplate(source: string): Template {
  const nodes = parseTemplate(source);
  return {
    render: (data) => new Execution(data, FUNCTIONS).run(nodes),
    renderHeading: (headings) => new Execution(headings, HEADING_FUNCTIONS).run(nodes),
  };
}

/** Runs a parsed template with functions of one's own; throws TemplateError. */
export function executeTemplate(nodes: readonly Node[], data: Value, functions: TemplateFunctions): string {
  return new Execution(data, functions).run(nodes);
}

type Flow = 'next' | 'break' | 'continue';

interface Variable {
  readonly name: string;
  value: Value;
}

class Execution {
  readonly #functions: TemplateFunctions;
  /** Innermost last; a scope is a length to return to. */
  readonly #variables: Variable[];
  #dot: Value;
  #output = '';

  constructor(data: Value, functions: TemplateFunctions) {
    this.#functions = functions;
    this.#dot = data;
    this.#variables = [{ name: '$', value: data }];
  }

  run(nodes: readonly Node[]): string {
    this.#runList(nodes);
    return this.#output;
  }

  #runList(nodes: readonly Node[]): Flow {
    for (const node of nodes) {
      const flow = this.#runNode(node);
      if (flow !== 'next') return flow;
    }
    return 'next';
  }

  #runNode(node: Node): Flow {
    switch (node.kind) {
      case 'text':
        this.#output += node.text;
        return 'next';
      case 'action': {
        const value = this.#evaluatePipeline(node.pipeline);
        if (node.pipeline.variables.length === 0) this.#output += printValue(value);
        return 'next';
      }
      case 'if':
      case 'with':
        return this.#inScope(() => {
          const value = this.#evaluatePipeline(node.pipeline);
          if (!isTrue(value)) return this.#runList(node.otherwise);
          return node.kind === 'if' ? this.#runList(node.body) : this.#withDot(value, node.body);
        });
      case 'range':
        return this.#inScope(() => this.#runRange(node.pipeline, node.body, node.otherwise));
      default:
        return node.kind;
    }
  }

  #runRange(pipeline: Pipeline, body: readonly Node[], otherwise: readonly Node[]): Flow {
    const value = this.#evaluateCommands(pipeline);
    const items = rangeItems(value, pipeline);
    if (items.length === 0) return this.#runList(otherwise);
    for (const [key, item] of items) {
      const flow = this.#inScope(() => {
        const [first, second] = pipeline.variables;
        if (first !== undefined) this.#assign(first, second === undefined ? item : key, pipeline);
        if (second !== undefined) this.#assign(second, item, pipeline);
        return this.#withDot(item, body);
      });
      if (flow === 'break') break;
    }
    return 'next';
  }

  #inScope<Result>(action: () => Result): Result {
    const depth = this.#variables.length;
    const result = action();
    this.#variables.length = depth;
    return result;
  }

  #withDot(dot: Value, body: readonly Node[]): Flow {
    const outer = this.#dot;
    this.#dot = dot;
    const flow = this.#runList(body);
    this.#dot = outer;
    return flow;
  }

  #evaluatePipeline(pipeline: Pipeline): Value {
    const value = this.#evaluateCommands(pipeline);
    for (const name of pipeline.variables) this.#assign(name, value, pipeline);
    return value;
  }

  #assign(name: string, value: Value, pipeline: Pipeline): void {
    const known = this.#variables.findLast((variable) => variable.name === name);
    if (!pipeline.declares && known !== undefined) known.value = value;
    else this.#variables.push({ name, value });
  }

  #evaluateCommands(pipeline: Pipeline): Value {
    let value: Value;
    let piped: readonly Value[] = [];
    for (const command of pipeline.commands) {
      value = this.#evaluateCommand(command, piped, pipeline);
      piped = [value];
    }
    return value;
  }

  /** `piped` is the result of the command before, passed as the last argument. */
  #evaluateCommand(command: Command, piped: readonly Value[], pipeline: Pipeline): Value {
    const [first, ...rest] = command;
    if (first.kind === 'function') return this.#callFunction(first.name, first.place, rest, piped, pipeline);
    if (first.kind === 'field') {
      const args = [...rest.map((argument) => this.#evaluate(argument, pipeline)), ...piped];
      return this.#field(first, args, pipeline);
    }
    if (rest.length > 0 || piped.length > 0)
      throw failure(pipeline.place, pipeline, "can't give argument to non-function");
    return this.#evaluate(first, pipeline);
  }

  #callFunction(
    name: string,
    place: Place,
    rest: readonly Expression[],
    piped: readonly Value[],
    pipeline: Pipeline,
  ): Value {
    const given = rest.length + piped.length;
    if (name === 'and' || name === 'or') return this.#shortCircuit(name, rest, piped, pipeline);
    const call = this.#functions.get(name);
    if (call === undefined) throw failure(place, pipeline, `function "${name}" not defined`);
    if (given < call.length) {
      throw failure(place, pipeline, `wrong number of args for ${name}: want ${call.length} got ${given}`);
    }
    const args = [...rest.map((argument) => this.#evaluate(argument, pipeline)), ...piped];
    try {
      return call(...args);
    } catch (error) {
      if (error instanceof CallError) throw failure(place, pipeline, error.message);
      throw error;
    }
  }

  #shortCircuit(name: 'and' | 'or', rest: readonly Expression[], piped: readonly Value[], pipeline: Pipeline): Value {
    let value: Value;
    for (const argument of rest) {
      value = this.#evaluate(argument, pipeline);
      if (isTrue(value) === (name === 'or')) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #evaluate(expression: Expression, pipeline: Pipeline): Value {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'dot':
        return this.#dot;
      case 'variable':
        return this.#variables.findLast((variable) => variable.name === expression.name)?.value;
      case 'field':
        return this.#field(expression, [], pipeline);
      case 'function':
        return this.#callFunction(expression.name, expression.place, [], [], pipeline);
      case 'pipeline':
        return this.#evaluateCommands(expression.pipeline);
    }
  }

  #field(expression: Extract<Expression, { kind: 'field' }>, args: readonly Value[], pipeline: Pipeline): Value {
    const { of, name, place } = expression;
    const receiver = of === undefined ? this.#dot : this.#evaluate(of, pipeline);
    const value = fieldOf(receiver, name, (reason) => failure(place, pipeline, reason));
    if (typeof value === 'function') return value(...args);
    if (args.length > 0) throw failure(place, pipeline, `${name} has arguments but cannot be invoked as function`);
    return value;
  }
}

function fieldOf(receiver: Value, name: string, fail: (reason: string) => TemplateError): Value {
  if (isMap(receiver)) return receiver.get(name);
  if (isFields(receiver) && Object.hasOwn(receiver, name)) return receiver[name];
  if (receiver === undefined || receiver === null) throw fail(`nil data; no entry for key "${name}"`);
  const known = isFields(receiver) ? `; it has ${fieldNames(receiver)}` : '';
  throw fail(`can't evaluate field ${name} in type ${typeName(receiver)}${known}`);
}

function fieldNames(fields: Fields): string {
  return Object.keys(fields).join(', ');
}

function rangeItems(value: Value, pipeline: Pipeline): [Value, Value][] {
  if (value === undefined || value === null) return [];
  if (isList(value)) return value.map((item, index) => [index, item]);
  if (isMap(value)) return sortedEntries(value);
  if (typeof value === 'number') return Array.from({ length: Math.max(0, value) }, (_, index) => [index, index]);
  throw failure(pipeline.place, pipeline, `range can't iterate over ${printValue(value)}`);
}

function failure(place: Place, pipeline: Pipeline, reason: string): TemplateError {
  return new TemplateError(`${place.line}:${place.column}: executing "" at <${pipeline.source}>: ${reason}`);
}
