import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { generateName } from '../../../proto/made-up-name.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect, invalidFlag } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { serviceName } from '../../format/rows/service-row.ts';
import { readServiceEdits } from '../../options/service-edits.ts';
import { declareLists } from '../../options/service-lists.ts';
import { declareServiceOptions, resolveImageOf, type ServiceOptions } from '../../options/service-options.ts';
import { refuseOfServiceCreate } from '../../options/service-refusals.ts';
import { askRegistries, refuseMissing, warnUnrecorded } from '../../registry/service-images.ts';
import { type WaitOptions, waitForService } from './change-service.ts';
import { knownNames } from './known-names.ts';
import { applyServiceFlags } from './spec/apply-flags.ts';
import { newServiceSpec, type ServiceMode } from './spec/new-service.ts';
import type { ServiceFlags } from './spec/service-flags.ts';

interface CreateOptions extends ServiceOptions, WaitOptions {
  readonly envFile: readonly string[];
  readonly mode?: ServiceMode;
  readonly name?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<image>', 'image to run')
    .argument('[command...]', "command and its arguments; the image's own if left out")
    .passThroughOptions()
    .option('--name <name>', 'name of the service; made up if left out')
    .option(
      '--mode <mode>',
      'replicated, global (one task on each node), replicated-job or global-job (default: replicated)',
      parseMode,
    )
    .option('--env-file <file>', 'file of environment variables', collect, [])
    .option('-d, --detach', "don't wait until it runs")
    .option('-q, --quiet', 'print only its id, and errors');
  const lists = declareLists(command);
  declareServiceOptions(command);
  refuseOfServiceCreate(command);
  command.action(async (image: string, args: string[], options: CreateOptions) => {
    const edits = readServiceEdits(lists, options.envFile, cli);
    await createService(cli, image, args, { options, edits }, options);
  });
}

function parseMode(word: string): ServiceMode {
  if (word === 'replicated') return { $case: 'replicated', value: { replicas: 1 } };
  if (word === 'global') return { $case: 'global', value: {} };
  if (word === 'replicated-job') return { $case: 'replicatedJob', value: { totalCompletions: 1, maxConcurrent: 1 } };
  if (word === 'global-job') return { $case: 'globalJob', value: {} };
  throw invalidFlag('--mode', word, 'write replicated, global, replicated-job or global-job');
}

async function createService(
  cli: Cli,
  image: string,
  args: readonly string[],
  flags: ServiceFlags,
  { mode = parseMode('replicated'), name, ...wait }: CreateOptions,
): Promise<void> {
  await withClient(ControlClient, cli, async (control) => {
    const names = await knownNames(control, flags.edits);
    const bare = newServiceSpec({ name: name ?? (await freeName(control)), image, args, mode });
    const spec = applyServiceFlags(bare, flags, names);
    const resolveImage = resolveImageOf(flags.options);
    const { withRegistryAuth } = flags.options;
    const answers = await askRegistries(cli, { images: [image], resolveImage, withRegistryAuth });
    await refuseMissing(cli, answers);
    const { registry, failures } = answers;
    const { id, unrecordedImages } = await ask(control, control.serviceCreate, { spec, resolveImage, registry });
    await warnUnrecorded(cli, unrecordedImages, failures);
    await printLine(cli, id);
    await waitForService(cli, control, { id, specVersion: 0 }, wait);
  });
}

async function freeName(control: ControlClient): Promise<string> {
  const { services } = await ask(control, control.serviceList, { stack: '', references: [] });
  const taken = new Set(services.map(({ service }) => serviceName(service)));
  return generateName(randomBytes, (name) => taken.has(name));
}
