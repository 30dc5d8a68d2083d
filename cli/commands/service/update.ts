import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { ServiceSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, printLine } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { CliError, EXIT } from '../../failure.ts';
import { readServiceEdits } from '../../options/service-edits.ts';
import { declareListEdits } from '../../options/service-lists.ts';
import { declareServiceOptions, resolveImageOf, type ServiceOptions, words } from '../../options/service-options.ts';
import { refuseOfServiceUpdate } from '../../options/service-refusals.ts';
import { askRegistries, type ImageQuestions, refuseMissing, warnUnrecorded } from '../../registry/service-images.ts';
import { changeService, readService, type WaitOptions, waitForService } from './change-service.ts';
import { knownNames } from './known-names.ts';
import { rollBack } from './roll-back.ts';
import { applyServiceFlags } from './spec/apply-flags.ts';
import type { ServiceFlags } from './spec/service-flags.ts';

interface UpdateOptions extends ServiceOptions, WaitOptions {
  readonly rollback?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<service>', 'name or id')
    .option('--image <image>', 'image to run')
    .option('--args <command>', 'command of the containers', words('--args'))
    .option('--force', 'replace all tasks, also when nothing changes')
    .option('--rollback', 'take it back to what it was before its last update')
    .option('-d, --detach', "don't wait until it is so")
    .option('-q, --quiet', 'print only its name, and errors');
  const lists = declareListEdits(command);
  declareServiceOptions(command);
  refuseOfServiceUpdate(command);
  command.action(async (reference: string, options: UpdateOptions) => {
    if (options.rollback) {
      refuseBesideRollback(command);
      await rollBack(cli, reference, options);
    } else await updateService(cli, reference, { options, edits: readServiceEdits(lists, [], cli) }, options);
  });
}

const BESIDE_ROLLBACK = new Set(['rollback', 'detach', 'quiet']);

function refuseBesideRollback(command: Command): void {
  const other = command.options.find((option) => {
    const name = option.attributeName();
    return command.getOptionValueSource(name) === 'cli' && !BESIDE_ROLLBACK.has(name);
  });
  if (other === undefined) return;
  throw new CliError(`other flags may not be combined with --rollback: ${other.long}`, {
    hint: 'roll back first, then update',
    exitCode: EXIT.refused,
  });
}

async function updateService(cli: Cli, reference: string, flags: ServiceFlags, wait: WaitOptions): Promise<void> {
  await withClient(ControlClient, cli, async (control) => {
    const change = async (spec: ServiceSpec) => applyServiceFlags(spec, flags, await knownNames(control, flags.edits));
    const resolveImage = resolveImageOf(flags.options);
    const answers = await askRegistries(cli, { ...(await questionsOf(control, reference, flags)), resolveImage });
    await refuseMissing(cli, answers);
    const { registry, failures } = answers;
    const { before, unrecordedImages } = await changeService(control, reference, change, { resolveImage, registry });
    await warnUnrecorded(cli, unrecordedImages, failures);
    await printLine(cli, reference);
    await waitForService(cli, control, before, wait);
  });
}

/** An image that isn't named anew isn't asked for; but new credentials may go with it. */
async function questionsOf(
  control: ControlClient,
  reference: string,
  { options: { image, withRegistryAuth } }: ServiceFlags,
): Promise<Pick<ImageQuestions, 'images' | 'withRegistryAuth'>> {
  if (image !== undefined) return { images: [image], withRegistryAuth };
  if (!withRegistryAuth) return { images: [], withRegistryAuth };
  const { spec } = await readService(control, reference);
  return { images: [spec?.task?.container?.image ?? ''].filter((own) => own !== ''), withRegistryAuth };
}
