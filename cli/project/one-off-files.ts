/** The secrets and configs of a container that `compose run` makes: their content goes with it. */
import type { ControlClient, StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import type { ContainerFile } from '../../proto/generated/gantry/v1/engine.ts';
import type { ConfigSpec, ContainerSpec, FileReference, SecretSpec } from '../../proto/generated/gantry/v1/types.ts';
import { ask } from '../connection.ts';
import { CliError } from '../failure.ts';

/** Rejects for what only the nodes of tasks are told. */
export async function oneOffFiles(
  control: ControlClient,
  stack: StackSpec,
  service: string,
  { secrets, configs }: ContainerSpec,
): Promise<ContainerFile[]> {
  const secretsByName = byName(stack.secrets);
  const configsByName = byName(stack.configs);
  if (configs.some(({ name }) => !configsByName.has(name))) {
    const { configs: known } = await ask(control, control.configList, {});
    for (const { spec } of known) if (spec !== undefined) setMissing(configsByName, spec);
  }
  return [
    ...secrets.map((reference) => {
      const spec = secretsByName.get(reference.name);
      if (spec === undefined) throw untold(service, `the secret "${reference.name}", which is external`);
      return file(service, reference, spec);
    }),
    ...configs.map((reference) => {
      const spec = configsByName.get(reference.name);
      if (spec !== undefined) return file(service, reference, spec);
      throw new CliError(`service ${service} has the config "${reference.name}", which there is none of`, {
        hint: "make it with 'gantry config create'",
      });
    }),
  ];
}

function byName<Spec extends SecretSpec | ConfigSpec>(specs: readonly Spec[]): Map<string, Spec> {
  return new Map(specs.map((spec) => [spec.annotations?.name ?? '', spec]));
}

/** What the files say comes before what is there already. */
function setMissing(specs: Map<string, ConfigSpec>, spec: ConfigSpec): void {
  const name = spec.annotations?.name ?? '';
  if (!specs.has(name)) specs.set(name, spec);
}

function file(service: string, { name, target, uid, gid, mode }: FileReference, spec: SecretSpec | ConfigSpec) {
  if (spec.templateDriver !== '') throw untold(service, `"${name}", which is a template of what a task has`);
  return { target, uid, gid, mode, data: spec.data };
}

function untold(service: string, what: string): CliError {
  return new CliError(`service ${service} has ${what}: only its own containers can have that`, {
    hint: `run the command in one of those: 'gantry compose exec ${service} COMMAND'`,
  });
}
