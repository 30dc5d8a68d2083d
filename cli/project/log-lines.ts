/** Lines of a project's logs: whose they are before each, in a colour of its service. */
import type { ServiceLogLine } from '../../proto/generated/gantry/v1/control.ts';
import { type Cli, write } from '../cli.ts';
import { rfc3339Nano } from '../format/duration.ts';
import type { Ansi } from './project-options.ts';
import { shortName } from './project-state.ts';

export interface LogLineOptions {
  readonly project: string;
  readonly colours: boolean;
  readonly prefixes: boolean;
  readonly timestamps: boolean;
}

/** Docker Compose's, in its order: each service has the next one, when it first says something. */
const COLOURS = ['36', '33', '32', '35', '34', '36;1', '33;1', '32;1', '35;1', '34;1'];
const STDERR = 2;

/** Whether there are to be colours. `NO_COLOR`: no-color.org */
export function usesColours({ env, stdout }: Pick<Cli, 'env' | 'stdout'>, ansi: Ansi): boolean {
  if (ansi !== 'auto') return ansi === 'always';
  return stdout.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

export class LogLines {
  readonly #options: LogLineOptions;
  readonly #colours = new Map<string, string>();
  #width: number;

  /** `names`: of the containers that are known already, as `nameOf` gives them: so that the bars are below each other. */
  constructor(options: LogLineOptions, names: readonly string[]) {
    this.#options = options;
    this.#width = Math.max(0, ...names.map((name) => name.length));
  }

  /** With its line end. */
  text(line: ServiceLogLine): string {
    const { timestamps } = this.#options;
    const data = Buffer.from(line.data).toString('utf8');
    const time = timestamps ? `${rfc3339Nano(line.timestampNs)} ` : '';
    return `${this.#prefix(line)}${time}${data}${data.endsWith('\n') ? '' : '\n'}`;
  }

  #prefix(line: ServiceLogLine): string {
    const { project, prefixes, colours } = this.#options;
    if (!prefixes) return '';
    const name = nameOf(line, project);
    this.#width = Math.max(this.#width, name.length);
    const prefix = `${name.padEnd(this.#width)}  | `;
    return colours ? `\x1b[${this.#colourOf(line.serviceName)}m${prefix}\x1b[0m` : prefix;
  }

  #colourOf(service: string): string {
    const known = this.#colours.get(service) ?? COLOURS[this.#colours.size % COLOURS.length] ?? '0';
    this.#colours.set(service, known);
    return known;
  }
}

export async function printLogLine(cli: Cli, lines: LogLines, line: ServiceLogLine): Promise<void> {
  await write(line.stream === STDERR ? cli.stderr : cli.stdout, lines.text(line));
}

/** "web.1"; of a global service the node: "web.host1". */
function nameOf({ serviceName, slot, nodeName }: ServiceLogLine, project: string): string {
  return `${shortName(serviceName, project)}.${slot === 0 ? nodeName : slot}`;
}
