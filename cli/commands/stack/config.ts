/** `stack config`: what the compose files of a project say all together. Asks no daemon. */
import type { Command } from 'commander';
import { type Cli, complain, print } from '../../cli.ts';
import { collect, refuse } from '../../command-line.ts';
import { type LoadedModel, loadModel } from '../../compose/model/load-model.ts';
import { type Model, serviceOf } from '../../compose/model/normalize.ts';
import { imageNames, type ModelFormat, renderModel, serviceHash, servicesInOrder } from '../../compose/model/render.ts';
import { withServices, withUsedResources } from '../../compose/model/select.ts';
import { templateVariables } from '../../compose/model/variables.ts';
import { CliError } from '../../failure.ts';
import { alignColumns } from '../../format/table.ts';
import { oneOf } from '../../options/words.ts';
import { writeOutput } from '../../output-file.ts';
import { declareDisplay } from '../../project/project-options.ts';
import { readStackFile } from '../../project/read-stack-file.ts';
import { declareProject, type ProjectOptions } from './project-options.ts';

interface ConfigOptions extends ProjectOptions {
  readonly file: readonly string[];
  readonly projectName?: string;
  readonly format: ModelFormat;
  readonly interpolate: boolean;
  readonly normalize: boolean;
  readonly pathResolution: boolean;
  readonly consistency: boolean;
  readonly envResolution: boolean;
  readonly services?: boolean;
  readonly images?: boolean;
  readonly volumes?: boolean;
  readonly networks?: boolean;
  readonly models?: boolean;
  readonly profiles?: boolean;
  readonly environment?: boolean;
  readonly variables?: boolean;
  readonly hash?: string;
  readonly quiet?: boolean;
  readonly output?: string;
}

export function define(command: Command, cli: Cli): void {
  declareSource(command)
    .argument('[service...]', 'services to show, with those that they depend on (default: all)')
    .option(
      '--format <format>',
      'yaml or json (default: yaml)',
      oneOf('--format', { yaml: 'yaml', json: 'json' }),
      'yaml',
    )
    .option('--no-interpolate', "don't replace variables")
    .option('--no-normalize', "don't add what goes without saying")
    .option('--no-path-resolution', "don't make paths absolute")
    .option('--no-consistency', "don't check that all parts go together")
    .option('--no-env-resolution', "don't read the files with variables of services")
    .option('--services', 'print the names of services, each after those that it depends on')
    .option('--images', 'print the names of images')
    .option('--volumes', 'print the names of volumes')
    .option('--networks', 'print the names of networks')
    .option('--models', 'print the names of models')
    .option('--profiles', 'print the names of profiles')
    .option('--environment', 'print the variables that are replaced')
    .option('--variables', 'print the variables that the files name')
    .option('--hash <services>', "print a hash of each of these services: names with commas between, or '*'")
    .option('-q, --quiet', 'only check the files')
    .option('-o, --output <file>', 'write to a file')
    .action((services: string[], options: ConfigOptions) => config(cli, services, options));
  refuse(command, '--resolve-image-digests', DIGESTS);
  refuse(command, '--lock-image-digests', DIGESTS);
}

const DIGESTS = "'gantry stack deploy' writes down which digest each name stands for, and all nodes keep to that";

function declareSource(command: Command): Command {
  return declareDisplay(declareProject(command))
    .option('-f, --file <file>', 'the same as --compose-file', collect, [])
    .option('-p, --project-name <name>', 'name of the project');
}

async function config(cli: Cli, services: readonly string[], options: ConfigOptions): Promise<void> {
  const { model, source } = load(cli, services, options);
  for (const warning of source.warnings) await complain(cli, `gantry: warning: ${warning}`);
  const selected = withServices(model, services);
  const used = options.normalize && options.interpolate ? withUsedResources(selected) : selected;
  const listed = listing(used, source, options);
  if (options.quiet) return;
  const text = listed ?? renderModel(used, options.format, options.interpolate);
  if (options.output === undefined) await print(cli, text);
  else await writeOutput(cli, options.output, chunks(text));
}

function load(cli: Cli, named: readonly string[], options: ConfigOptions): LoadedModel {
  return loadModel({
    files: [...options.composeFile, ...options.file],
    projectName: options.projectName,
    projectDirectory: options.projectDirectory,
    envFiles: options.envFile,
    profiles: options.profile,
    named,
    interpolates: options.interpolate && !options.variables,
    normalizes: options.normalize,
    resolvesPaths: options.pathResolution,
    checksConsistency: options.consistency && options.normalize && options.interpolate && !options.variables,
    readsFiles: options.envResolution && options.interpolate && !options.variables,
    workingDirectory: cli.cwd,
    env: cli.env,
    readBytes: readStackFile,
  });
}

/** Undefined: the model itself is wanted. */
function listing(model: Model, source: LoadedModel['source'], options: ConfigOptions): string | undefined {
  if (options.services) return lines(servicesInOrder(model));
  if (options.images) return lines(imageNames(model));
  if (options.volumes) return lines(Object.keys(model.volumes ?? {}));
  if (options.networks) return lines(Object.keys(model.networks ?? {}));
  if (options.models) return lines(Object.keys(model.models ?? {}));
  if (options.profiles) return lines(source.profiles);
  if (options.environment) {
    return lines(sortedEntries(source.variables).map(([key, value]) => `${key}=${value}`));
  }
  if (options.variables) return variableTable(source.tree);
  return options.hash === undefined ? undefined : lines(hashes(model, options.hash));
}

function variableTable(tree: LoadedModel['source']['tree']): string {
  const rows = templateVariables(tree).map((one) =>
    [one.name, String(one.isRequired), one.defaultValue, one.alternateValue].join('\t'),
  );
  return `${alignColumns(['NAME\tREQUIRED\tDEFAULT VALUE\tALTERNATE VALUE', ...rows])}\n`;
}

function hashes(model: Model, wanted: string): string[] {
  const names = wanted === '*' ? Object.keys(model.services) : wanted.split(',');
  return names.map((name) => {
    const service = serviceOf(model, name);
    if (service === undefined) {
      throw new CliError(`no such service: ${name}`, { hint: 'see "gantry stack config --services"' });
    }
    return `${name} ${serviceHash(service)}`;
  });
}

function sortedEntries(values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join('');
}

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
