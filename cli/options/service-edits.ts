/** What the lists of a service's flags ask for, read and checked; see service-lists.ts. */
import { parseConstraint, parseSpread } from '../../proto/constraint.ts';
import {
  type FileReference,
  type GenericReservation,
  type Mount,
  type NetworkAttachmentConfig,
  type PortConfig,
  PublishMode,
  type Ulimit,
} from '../../proto/generated/gantry/v1/types.ts';
import { parseGenericReservation } from '../../proto/generic-resource.ts';
import { protocolName } from '../../proto/port-protocol.ts';
import { invalidFlag } from '../command-line.ts';
import { FILE_DIRECTORIES, parseFileReference } from './file-references.ts';
import { parseExtraHost, parseUlimit } from './limits.ts';
import { parseMount } from './mounts.ts';
import { parseNetwork } from './networks.ts';
import { type Environment, parsePairs, readEnvironment } from './pairs.ts';
import type { RawEdit, RawEdits } from './service-lists.ts';
import { type PortMatch, parsePortMatches, parseServicePorts } from './service-ports.ts';

export interface Edit<Added, Removed = string> {
  readonly add: readonly Added[];
  readonly rm: readonly Removed[];
}

export interface RecordEdit {
  readonly add: Readonly<Record<string, string>>;
  readonly rm: readonly string[];
}

export interface ServiceEdits {
  readonly configs: Edit<FileReference>;
  readonly constraints: Edit<string>;
  readonly containerLabels: RecordEdit;
  readonly dns: Edit<string>;
  readonly dnsOptions: Edit<string>;
  readonly dnsSearch: Edit<string>;
  /** KEY=VALUE; removed by KEY. */
  readonly env: Edit<string>;
  /** Removed by kind. */
  readonly genericReservations: Edit<GenericReservation>;
  readonly groups: Edit<string>;
  /** HOST:IP; removed by that, or by HOST. */
  readonly hosts: Edit<string>;
  readonly labels: RecordEdit;
  readonly mounts: Edit<Mount>;
  readonly networks: Edit<NetworkAttachmentConfig>;
  readonly ports: Edit<PortConfig, PortMatch>;
  readonly secrets: Edit<FileReference>;
  readonly spread: Edit<string>;
  readonly sysctls: RecordEdit;
  readonly ulimits: Edit<Ulimit>;
}

export interface EditContext {
  readonly env: Environment;
  readonly cwd: string;
}

/** Throws CliError for what is no such item, or is there twice. `envFiles` come before what --env says. */
export function readServiceEdits(raw: RawEdits, envFiles: readonly string[], { env, cwd }: EditContext): ServiceEdits {
  return {
    configs: distinct(raw.config, readFiles(raw.config, FILE_DIRECTORIES.config), targetOf),
    constraints: readTexts(raw.constraint, constraintText),
    containerLabels: readPairs(raw['container-label']),
    dns: raw.dns,
    dnsOptions: raw['dns-option'],
    dnsSearch: raw['dns-search'],
    env: { add: readEnvironment(envFiles, raw.env.add, env), rm: raw.env.rm },
    genericReservations: distinct(
      raw['generic-resource'],
      readItems(raw['generic-resource'], genericReservation),
      ({ kind }) => kind,
    ),
    groups: raw.group,
    hosts: { add: raw.host.add.map((text) => parseExtraHost(text, raw.host.addFlag)), rm: raw.host.rm.map(hostKey) },
    labels: readPairs(raw.label),
    mounts: distinct(
      raw.mount,
      readItems(raw.mount, (flag, text) => parseMount(text, cwd, flag)),
      targetOf,
    ),
    networks: distinct(
      raw.network,
      readItems(raw.network, (flag, text) => parseNetwork(flag, text, [])),
      targetOf,
    ),
    ports: distinct(raw.publish, readPorts(raw.publish), portKey),
    secrets: distinct(raw.secret, readFiles(raw.secret, FILE_DIRECTORIES.secret), targetOf),
    spread: readTexts(raw['placement-pref'], spreadText),
    sysctls: readPairs(raw.sysctl),
    ulimits: readItems(raw.ulimit, (flag, text) => parseUlimit(text, flag)),
  };
}

/** Two with the same can't be published together; a port that the cluster chooses is told by what it leads to. */
export function portKey({ publishedPort, targetPort, protocol, mode }: PortConfig): string {
  const name = protocolName(protocol);
  if (publishedPort !== 0) return `${publishedPort}/${name}`;
  return `${targetPort}/${name} (${mode === PublishMode.HOST ? 'host' : 'ingress'})`;
}

function targetOf({ target }: { readonly target: string }): string {
  return target;
}

function readItems<Added>({ add, rm, addFlag }: RawEdit, parse: (flag: string, text: string) => Added): Edit<Added> {
  return { add: add.map((text) => parse(addFlag, text)), rm };
}

function readFiles(raw: RawEdit, directory: string): Edit<FileReference> {
  return readItems(raw, (flag, text) => parseFileReference(flag, text, directory));
}

function readPorts({ add, rm, addFlag, rmFlag }: RawEdit): Edit<PortConfig, PortMatch> {
  return {
    add: add.flatMap((text) => parseServicePorts(addFlag, text)),
    rm: rm.flatMap((text) => parsePortMatches(rmFlag, text)),
  };
}

/** Labels and the like; a name alone has an empty value. */
function readPairs({ add, rm, addFlag }: RawEdit): RecordEdit {
  return { add: parsePairs(addFlag, add, () => ''), rm };
}

function readTexts({ add, rm, addFlag, rmFlag }: RawEdit, read: (flag: string, text: string) => string): Edit<string> {
  return { add: add.map((text) => read(addFlag, text)), rm: rm.map((text) => read(rmFlag, text)) };
}

function constraintText(flag: string, text: string): string {
  const constraint = parseConstraint(text);
  if ('hint' in constraint) throw invalidFlag(flag, text, constraint.hint);
  return constraint.text;
}

function genericReservation(flag: string, text: string): GenericReservation {
  const reservation = parseGenericReservation(text);
  if ('hint' in reservation) throw invalidFlag(flag, text, reservation.hint);
  return reservation;
}

/** "spread=node.labels.zone" → "node.labels.zone" */
function spreadText(flag: string, text: string): string {
  const descriptor = /^spread=(.*)$/.exec(text)?.[1];
  if (descriptor === undefined)
    throw invalidFlag(flag, text, 'write spread=node.labels.NAME or spread=engine.labels.NAME');
  const attribute = parseSpread(descriptor);
  if ('hint' in attribute) throw invalidFlag(flag, text, 'write spread=node.labels.NAME or spread=engine.labels.NAME');
  return descriptor;
}

/** HOST:IP or HOST=IP as the spec has it; HOST alone as it is. */
function hostKey(text: string): string {
  return text.replace(/^([^:=]+)[:=]\[?(.*?)\]?$/, '$1:$2');
}

/** What can't be there twice; `keyOf` tells what it is. */
function distinct<Added, Removed>(
  { addFlag }: RawEdit,
  edit: Edit<Added, Removed>,
  keyOf: (item: Added) => string,
): Edit<Added, Removed> {
  const keys = edit.add.map(keyOf);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw invalidFlag(addFlag, twice, 'it is given twice; keep one');
  return edit;
}
