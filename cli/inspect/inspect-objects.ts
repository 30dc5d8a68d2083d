/** Objects in detail, of whatever kind a name belongs to. */
import { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../proto/template/values.ts';
import { type Cli, complain, print } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { EXIT, failureText, isGantryError } from '../failure.ts';
import { inspectContainer } from '../format/inspect/container-inspect.ts';
import { inspectImage } from '../format/inspect/image-inspect.ts';
import { inspectService } from '../format/inspect/service-inspect.ts';
import { renderInspect } from '../format/listing.ts';
import { inspectedNetwork } from '../network/inspected-network.ts';

/** In the order a reference is looked for. */
export const KINDS = ['container', 'image', 'network', 'service'] as const;
export type InspectKind = (typeof KINDS)[number];

export interface InspectView {
  readonly format: string | undefined;
  /** Of an image; empty: what its name stands for. */
  readonly platform?: string;
}

/** Prints what is found; what isn't is named on standard error, and the exit code is 1. */
export async function inspectObjects(
  cli: Cli,
  references: readonly string[],
  kinds: readonly InspectKind[],
  { format, platform = '' }: InspectView,
): Promise<void> {
  const found: Fields[] = [];
  const missing: string[] = [];
  for (const reference of references) {
    const object = await findFirst(cli, { reference, platform }, kinds);
    if (object === undefined) missing.push(reference);
    else found.push(object);
  }
  await print(cli, renderInspect(found, format));
  for (const reference of missing) {
    const what = kinds.length === 1 ? kinds[0] : 'object';
    await complain(cli, `gantry: no such ${what}: ${reference}`);
    cli.exitCode = EXIT.failed;
  }
}

async function findFirst(cli: Cli, wanted: Wanted, kinds: readonly InspectKind[]): Promise<Fields | undefined> {
  for (const kind of kinds) {
    try {
      const object = await FINDERS[kind](cli, wanted);
      if (object !== undefined) return object;
    } catch (error) {
      // What is here for another platform isn't absent.
      if (wanted.platform !== '' || !isAbsence(error)) throw error;
    }
  }
  return undefined;
}

/** Not there; for services also: there is no cluster to ask. */
function isAbsence(error: unknown): boolean {
  if (!isGantryError(error)) return false;
  return (
    ['NOT_FOUND', 'IMAGE_NOT_FOUND', 'NOT_IN_CLUSTER', 'NOT_A_MANAGER'].includes(error.code) || isNoReference(error)
  );
}

/** A name that can't be an image's isn't an image. */
function isNoReference(error: unknown): boolean {
  return isGantryError(error) && error.code === 'INVALID_ARGUMENT' && /reference/.test(failureText(error));
}

interface Wanted {
  readonly reference: string;
  readonly platform: string;
}

type Finder = (cli: Cli, wanted: Wanted) => Promise<Fields | undefined>;

const FINDERS: Readonly<Record<InspectKind, Finder>> = {
  container: async (cli, { reference }) => {
    const { container } = await withClient(EngineClient, cli, (engine) =>
      ask(engine, engine.containerInspect, { reference }),
    );
    return container === undefined ? undefined : inspectContainer(container);
  },
  image: async (cli, wanted) => {
    const { image } = await withClient(EngineClient, cli, (engine) => ask(engine, engine.imageInspect, wanted));
    return image === undefined ? undefined : inspectImage(image);
  },
  network: (cli, { reference }) => inspectedNetwork(cli, reference),
  service: async (cli, { reference }) => {
    const { services } = await withClient(ControlClient, cli, (control) =>
      ask(control, control.serviceList, { stack: '', references: [reference] }),
    );
    const service = services[0]?.service;
    return service === undefined ? undefined : inspectService(service);
  },
};
