/**
 * What commands share of their command lines: commander, made to take options as Docker takes them and to fail as
 * Docker fails.
 */
import { Command, type CommanderError, type Option } from 'commander';
import { CliError, EXIT } from './failure.ts';

/** `path` is the command as it is typed after "gantry". */
export function newCommand(path: string, summary: string): Command {
  const command = new Command(`gantry ${path}`);
  return command
    .description(summary)
    .helpOption('--help', 'print this and exit')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .configureHelp({ optionDescription });
}

/** The description, with the default where there is something to say. */
function optionDescription(option: Option): string {
  const value: unknown = option.defaultValue;
  const shown = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const isTold = shown === '' || shown === '-1' || /default/.test(option.description);
  return isTold ? option.description : `${option.description} (default: ${shown})`;
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

/** A whole number, not negative. */
export function wholeNumber(name: string): (text: string) => number {
  return (text) => {
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
      throw invalidFlag(name, text, 'write a whole number');
    }
    return Number(text);
  };
}

export function invalidFlag(flag: string, value: string, hint: string): CliError {
  return new CliError(`invalid argument "${value}" for ${flag}`, { hint, exitCode: EXIT.refused });
}

/** Declares a flag that Docker has and that can't be honoured yet: giving it is an error that says what to do. */
export function refuse(command: Command, flags: string, hint: string): Command {
  const option = command.createOption(flags, 'not supported yet').hideHelp();
  command.addOption(option);
  return command.on(`option:${option.name()}`, () => {
    throw new CliError(`${option.long ?? flags} is not supported yet`, { hint, exitCode: EXIT.refused });
  });
}

/** A flag without a value that can also be said to be off: `--flag=false`. Undefined when it isn't given. */
export function declareSwitch(command: Command, flags: string, text: string): Command {
  const option = command.createOption(flags, text);
  return command.addOption(option).addOption(command.createOption(negation(option)).hideHelp());
}

/** How commander says that a flag is off. */
function negation({ long }: Option): string {
  return `--no-${long?.slice(2)}`;
}

/** Another spelling of an option, as Docker has several; not shown in help. */
export function alias(command: Command, flags: string, target: string): Command {
  const option = command.createOption(flags, `the same as --${target}`).hideHelp();
  command.addOption(option);
  // Commander's commands are EventEmitters; its types leave emit out.
  const emitter = command as Command & NodeJS.EventEmitter;
  return command.on(`option:${option.name()}`, (value: string) => void emitter.emit(`option:${target}`, value));
}

/** Runs the command with the arguments after its name. */
export async function runCommand(command: Command, argv: readonly string[]): Promise<void> {
  try {
    await command.parseAsync(normalizeBooleans(command, argv), { from: 'user' });
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    if (error.exitCode !== 0) throw usageError(command, error);
  }
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
}

const ARGUMENT_ERRORS = new Set(['commander.missingArgument', 'commander.excessArguments']);

function usageError(command: Command, error: CommanderError): CliError {
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /\(Did you mean (.*)\?\)/.exec(more.join(' '))?.[1];
  const message = first.replace(/^unknown option '(.*)'$/, 'unknown flag: $1').replace(/\.$/, '');
  return new CliError(message, {
    hint: suggestion === undefined ? `see '${command.name()} --help'` : `did you mean ${suggestion}?`,
    exitCode: ARGUMENT_ERRORS.has(error.code) ? EXIT.failed : EXIT.refused,
  });
}

const BOOLEAN = /^(--?[^=]+)=(true|false|1|0|t|f|T|F|TRUE|FALSE|True|False)$/;

/** `--flag=true` and `--flag=false` of flags without a value, which commander doesn't know. */
function normalizeBooleans(command: Command, argv: readonly string[]): string[] {
  const result: string[] = [];
  let index = 0;
  for (; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    if (argument === '--') break;
    if (!argument.startsWith('-') || argument === '-') {
      // Behind the first operand, options may belong to the container's command.
      if (passesThrough(command)) break;
      result.push(argument);
      continue;
    }
    const match = BOOLEAN.exec(argument);
    const option = match === null ? undefined : findOption(command, match[1] ?? '');
    if (match === null || option === undefined || !isBoolean(option)) {
      result.push(argument);
      if (takesNext(command, argument)) {
        index += 1;
        if (index < argv.length) result.push(argv[index] ?? '');
      }
      continue;
    }
    if (/^[1t]/i.test(match[2] ?? '')) result.push(match[1] ?? '');
    else if (findOption(command, negation(option)) !== undefined) result.push(negation(option));
  }
  return [...result, ...argv.slice(index)];
}

function passesThrough(command: Command): boolean {
  return '_passThroughOptions' in command && command._passThroughOptions === true;
}

function findOption(command: Command, flag: string): Option | undefined {
  return command.options.find((option) => option.short === flag || option.long === flag);
}

function isBoolean(option: Option): boolean {
  return !option.required && !option.optional;
}

/** True when the argument's value is the argument after it: `-f NAME`, `-itf NAME`, `--file NAME`. */
function takesNext(command: Command, argument: string): boolean {
  if (argument.startsWith('--')) return findOption(command, argument)?.required ?? false;
  for (let index = 1; index < argument.length; index += 1) {
    const option = findOption(command, `-${argument[index]}`);
    if (option === undefined) return false;
    if (option.required) return index === argument.length - 1;
  }
  return false;
}
