/** The words of `npm run lab`. */
import { Argument, Command, InvalidArgumentError } from 'commander';
import { GantryError } from '../../proto/errors.ts';
import type { DaemonName } from './engine-host.ts';
import { runOn, showLog } from './foreground.ts';
import { Lab, MAX_HOSTS } from './lab.ts';
import { formCluster } from './lab-cluster.ts';
import { describeLab, nextSteps } from './lab-text.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);

/** `directory`: where the lab is or is to be. What a user does wrong is thrown, as a GantryError or CommanderError. */
export function labProgram(directory: string): Command {
  const program = new Command('lab').description('a cluster to play with: hosts as namespaces of this machine');
  program.exitOverride().enablePositionalOptions().showSuggestionAfterError(false);
  program.configureOutput({ outputError: (text, write) => write(text.replace('error: ', 'lab: ')) });
  program.action((word?: string) => unknownCommand(program, word));
  program.argument('[command]').allowExcessArguments();
  addWholeLab(program, directory);
  addLinks(program, directory);
  addHosts(program, directory);
  return program;
}

function unknownCommand(program: Command, word: string | undefined): never {
  const names = program.commands.map((command) => command.name());
  const what = word === undefined ? 'no command is given' : `there is no command "${word}"`;
  throw new GantryError('INVALID_ARGUMENT', what, { hint: `there are ${names.join(', ')}` });
}

function addWholeLab(program: Command, directory: string): void {
  program
    .command('up')
    .description('makes hosts and a cluster of them')
    .addArgument(new Argument('[hosts]', 'how many').default(3).argParser(hostCount))
    .action(async (count: number) => {
      const lab = await Lab.create(directory, count);
      try {
        await formCluster(lab, print);
      } catch (error) {
        await Lab.destroy(directory);
        throw error;
      }
      print(nextSteps(lab));
    });
  program
    .command('ls')
    .description('shows hosts, and what is cut or slow')
    .action(async () => print(await describeLab(Lab.open(directory))));
  program
    .command('down')
    .description('removes all of it')
    .action(async () => {
      if (!(await Lab.destroy(directory))) print(`there is no lab in ${directory}`);
    });
}

function addLinks(program: Command, directory: string): void {
  program
    .command('cut <from> <to>')
    .description('nothing gets from one to the other any more, nor back')
    .option('--one-way', 'what the second sends still arrives')
    .action(async (from: string, to: string, { oneWay }: { oneWay?: true }) => {
      const lab = Lab.open(directory);
      const [one, other] = [lab.host(from), lab.host(to)];
      await lab.cut(one, other);
      if (oneWay === undefined) await lab.cut(other, one);
    });
  program
    .command('heal [one] [other]')
    .description('mends what is between two, or every link and every slow host')
    .action(async (one?: string, other?: string) => {
      const lab = Lab.open(directory);
      if (one === undefined) return lab.healAll();
      if (other !== undefined) return lab.heal(lab.host(one), lab.host(other));
      throw new GantryError('INVALID_ARGUMENT', `heal: from ${one} to which host?`, { hint: 'name two, or none' });
    });
}

function addHosts(program: Command, directory: string): void {
  program
    .command('exec <host> <command...>')
    .description('runs a command on a host; gantry is in its path')
    .passThroughOptions()
    .action(async (name: string, command: string[]) => {
      process.exitCode = await runOn(Lab.open(directory).host(name), command);
    });
  program
    .command('kill <host>')
    .description('kills a daemon; containers go on')
    .addArgument(new Argument('[daemon]').choices(['gantryd', 'manager']).default('gantryd'))
    .action(async (name: string, daemon: DaemonName) => {
      if (await Lab.open(directory).host(name).kill(daemon)) return;
      throw new GantryError('WRONG_STATE', `${name} runs no ${daemon}`);
    });
  const onHost = (word: string, description: string, act: (lab: Lab, name: string) => Promise<void>) =>
    program
      .command(`${word} <host>`)
      .description(description)
      .action((name: string) => act(Lab.open(directory), name));
  onHost('start', 'starts gantryd; the host first, if it is off', (lab, name) => lab.host(name).start());
  onHost('power-off', 'ends all of it at one stroke; what is on its disk stays', (lab, name) =>
    lab.host(name).powerOff(),
  );
  onHost('reboot', 'power-off, and start again', async (lab, name) => {
    await lab.host(name).powerOff();
    await lab.host(name).start();
  });
  program
    .command('logs <host>')
    .description('what gantryd and its manager have logged')
    .option('-f, --follow', 'and what they log from now on')
    .action(async (name: string, options: { follow?: true }) => {
      process.exitCode = await showLog(Lab.open(directory).host(name), options.follow ? ['-f'] : []);
    });
  addSlow(program, directory);
}

function addSlow(program: Command, directory: string): void {
  program
    .command('slow <host>')
    .description('until it is healed or off; packets are never delayed alone, as that needs netem')
    .option('--rate <rate>', 'its link, both ways, e.g. 1mbit', rateText)
    .option('--cpu <percent>', 'all its processes together, of one processor', percentage)
    .action(async (name: string, { rate, cpu }: { rate?: string; cpu?: number }) => {
      const host = Lab.open(directory).host(name);
      if (rate === undefined && cpu === undefined) {
        throw new GantryError('INVALID_ARGUMENT', `slow ${name}: by what?`, { hint: 'give --rate, --cpu, or both' });
      }
      if (rate !== undefined) await host.limitRate(rate);
      if (cpu !== undefined) host.limitProcessor(cpu);
    });
}

function hostCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_HOSTS) return count;
  throw new InvalidArgumentError(`It must be a number from 1 to ${MAX_HOSTS}.`);
}

function percentage(text: string): number {
  const percent = Number(text);
  if (percent >= 1 && percent <= 1000) return percent;
  throw new InvalidArgumentError('It must be a number from 1 to 1000.');
}

function rateText(text: string): string {
  if (/^\d+([kmg]?bit)$/.test(text)) return text;
  throw new InvalidArgumentError('Write a number and bit, kbit, mbit or gbit.');
}
