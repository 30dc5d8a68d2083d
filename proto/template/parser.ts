/** Reads a Go template into its syntax tree. Covers text/template except define, template and block. */
import { FUNCTIONS, type TemplateFunctions } from './functions.ts';
import { type Segment, splitTemplate, type Token } from './lexer.ts';
import { type Command, type Expression, type Node, type Pipeline, type Place, TemplateError } from './syntax.ts';

/** `functions`: those that it may call. Throws TemplateError. */
export function parseTemplate(source: string, functions: TemplateFunctions = FUNCTIONS): readonly Node[] {
  return new TemplateParser(splitTemplate(source), functions).parse();
}

type Action = Extract<Segment, { kind: 'action' }>;

class TemplateParser {
  readonly #segments: readonly Segment[];
  readonly #functions: TemplateFunctions;
  #next = 0;
  /** Variables in scope. */
  #variables: string[] = ['$'];
  #loops = 0;

  constructor(segments: readonly Segment[], functions: TemplateFunctions) {
    this.#segments = segments;
    this.#functions = functions;
  }

  parse(): Node[] {
    const { nodes, end } = this.#parseList();
    if (end !== undefined) throw new TemplateError(`${end.place.line}: unexpected {{${keyword(end)}}}`);
    return nodes;
  }

  /** Nodes up to `end`, `else` or the end of the template. */
  #parseList(): { nodes: Node[]; end: Action | undefined } {
    const nodes: Node[] = [];
    for (let segment = this.#take(); segment !== undefined; segment = this.#take()) {
      if (segment.kind === 'text') {
        nodes.push(segment);
        continue;
      }
      const word = keyword(segment);
      if (word === 'end' || word === 'else') return { nodes, end: segment };
      nodes.push(this.#parseAction(segment, word));
    }
    return { nodes, end: undefined };
  }

  #take(): Segment | undefined {
    const segment = this.#segments[this.#next];
    this.#next += 1;
    return segment;
  }

  #parseAction(action: Action, word: string): Node {
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        return this.#parseControl(word, action, 1);
      case 'break':
      case 'continue':
        if (this.#loops === 0) throw new TemplateError(`${action.place.line}: {{${word}}} outside {{range}}`);
        return { kind: word };
      case 'define':
      case 'template':
      case 'block':
        throw new TemplateError(`${action.place.line}: {{${word}}} is not supported`);
      default:
        return { kind: 'action', pipeline: this.#parsePipeline(action, 0, 1) };
    }
  }

  #parseControl(kind: 'if' | 'with' | 'range', action: Action, skip: number): Node {
    const outer = [...this.#variables];
    const pipeline = this.#parsePipeline(action, skip, kind === 'range' ? 2 : 1);
    if (kind === 'range') this.#loops += 1;
    const { nodes: body, end } = this.#parseList();
    if (kind === 'range') this.#loops -= 1;
    const otherwise = this.#parseElse(kind, action, end);
    this.#variables = outer;
    return { kind, pipeline, body, otherwise };
  }

  #parseElse(kind: 'if' | 'with' | 'range', start: Action, end: Action | undefined): Node[] {
    if (end === undefined) throw new TemplateError(`${start.place.line}: unexpected EOF`);
    if (keyword(end) === 'end') return [];
    const chained = end.tokens[1];
    if (chained !== undefined) {
      // `else if` is an `if` within the else that shares its end.
      if (chained.kind !== 'word' || chained.value !== kind || kind === 'range') {
        throw new TemplateError(`${end.place.line}: unexpected ${tokenText(chained)} in else`);
      }
      return [this.#parseControl(kind, end, 2)];
    }
    const { nodes, end: last } = this.#parseList();
    if (last === undefined) throw new TemplateError(`${start.place.line}: unexpected EOF`);
    if (keyword(last) !== 'end') throw new TemplateError(`${last.place.line}: expected end; found {{else}}`);
    return nodes;
  }

  #parsePipeline(action: Action, skip: number, maximum: number): Pipeline {
    const context = skip === 0 ? 'command' : keyword(action);
    const scope = { variables: this.#variables, functions: this.#functions };
    const parser = new PipelineParser(action.tokens.slice(skip), action, scope, context);
    const pipeline = parser.parse(maximum);
    if (pipeline.declares) this.#variables.push(...pipeline.variables);
    return pipeline;
  }
}

function keyword(action: Action): string {
  const first = action.tokens[0];
  return first?.kind === 'word' ? first.value : '';
}

/** What a pipeline can name. */
interface Scope {
  readonly variables: readonly string[];
  readonly functions: TemplateFunctions;
}

class PipelineParser {
  readonly #tokens: readonly Token[];
  readonly #action: Action;
  readonly #scope: Scope;
  readonly #context: string;
  #next = 0;

  constructor(tokens: readonly Token[], action: Action, scope: Scope, context: string) {
    this.#tokens = tokens;
    this.#action = action;
    this.#scope = scope;
    this.#context = context;
  }

  parse(maximumVariables: number): Pipeline {
    const assignment = this.#parseAssignment(maximumVariables);
    const commands = this.#parseCommands();
    const rest = this.#tokens[this.#next];
    if (rest !== undefined) throw this.#fail(`unexpected ${tokenText(rest)} in ${this.#context}`);
    return { ...assignment, commands, source: this.#action.source, place: this.#action.place };
  }

  #parseAssignment(maximum: number): { variables: string[]; declares: boolean } {
    const names: string[] = [];
    for (let index = 0; this.#tokens[index]?.kind === 'variable'; index += 2) {
      names.push(String(this.#tokens[index]?.value));
      const sign = this.#tokens[index + 1];
      if (sign?.kind !== 'sign' || (sign.value === ',' && names.length >= maximum)) break;
      if (sign.value === ':=' || sign.value === '=') {
        this.#next = index + 2;
        if (sign.value === '=') for (const name of names) this.#known(name);
        return { variables: names, declares: sign.value === ':=' };
      }
      if (sign.value !== ',') break;
    }
    return { variables: [], declares: false };
  }

  #parseCommands(): Command[] {
    const commands = [this.#parseCommand()];
    while (this.#isSign('|')) {
      this.#next += 1;
      commands.push(this.#parseCommand());
    }
    return commands;
  }

  #parseCommand(): Command {
    const first = this.#parseOperand();
    if (first === undefined) throw this.#fail(`missing value for ${this.#context}`);
    const rest: Expression[] = [];
    for (let operand = this.#parseOperand(); operand !== undefined; operand = this.#parseOperand()) rest.push(operand);
    if (rest.length > 0 && first.kind === 'literal') throw this.#fail("can't give argument to non-function");
    return [first, ...rest];
  }

  /** A term and the fields that follow it without a space: `$x.A.B`, `(index .X 0).Y`. */
  #parseOperand(): Expression | undefined {
    let operand = this.#parseTerm();
    if (operand === undefined) return undefined;
    for (;;) {
      const token = this.#tokens[this.#next];
      if (token?.kind !== 'field' || token.value === '' || token.spaced) return operand;
      this.#next += 1;
      operand = { kind: 'field', of: operand, name: token.value, place: this.#placeOf(token) };
    }
  }

  #parseTerm(): Expression | undefined {
    const token = this.#tokens[this.#next];
    if (token === undefined) return undefined;
    if (token.kind === 'sign') return token.value === '(' ? this.#parseParenthesis() : undefined;
    this.#next += 1;
    switch (token.kind) {
      case 'string':
      case 'number':
        return { kind: 'literal', value: token.value };
      case 'field':
        if (token.value === '') return { kind: 'dot' };
        return { kind: 'field', of: undefined, name: token.value, place: this.#placeOf(token) };
      case 'variable':
        this.#known(token.value);
        return { kind: 'variable', name: token.value };
      case 'word':
        return this.#wordTerm(token.value, this.#placeOf(token));
    }
  }

  #wordTerm(word: string, place: Place): Expression {
    if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
    if (word === 'nil') return { kind: 'literal', value: null };
    if (!this.#scope.functions.has(word)) throw this.#fail(`function "${word}" not defined`);
    return { kind: 'function', name: word, place };
  }

  #parseParenthesis(): Expression {
    this.#next += 1;
    const commands = this.#parseCommands();
    if (!this.#isSign(')')) throw this.#fail('unclosed left paren');
    this.#next += 1;
    const { source, place } = this.#action;
    return { kind: 'pipeline', pipeline: { variables: [], declares: false, commands, source, place } };
  }

  #isSign(sign: string): boolean {
    const token = this.#tokens[this.#next];
    return token?.kind === 'sign' && token.value === sign;
  }

  #known(variable: string): void {
    if (!this.#scope.variables.includes(variable)) throw this.#fail(`undefined variable "${variable}"`);
  }

  #placeOf(token: Token): Place {
    const { line, column } = this.#action.place;
    return { line, column: column + token.offset };
  }

  #fail(reason: string): TemplateError {
    return new TemplateError(`${this.#action.place.line}: ${reason}`);
  }
}

function tokenText(token: Token): string {
  if (token.kind === 'field') return `<.${token.value}>`;
  return token.kind === 'string' ? JSON.stringify(token.value) : `"${token.value}"`;
}
