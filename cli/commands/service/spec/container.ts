/** What a command line makes of a container's spec. Pure. */
import type { ContainerSpec, FileReference, StringList } from '../../../../proto/generated/gantry/v1/types.ts';
import { readLogConfig } from '../../../options/log-config.ts';
import type { Edit } from '../../../options/service-edits.ts';
import { changedCapabilities } from './capabilities.ts';
import { editList, editRecord, editTexts } from './edit-list.ts';
import { changedHealthcheck } from './healthcheck.ts';
import type { KnownNames, ServiceFlags } from './service-flags.ts';

export function changedContainer(before: ContainerSpec, flags: ServiceFlags, names: KnownNames): ContainerSpec {
  const { options } = flags;
  return {
    ...before,
    image: options.image ?? before.image,
    entrypoint: options.entrypoint === undefined ? before.entrypoint : commandLine(options.entrypoint),
    command: options.args === undefined ? before.command : commandLine(options.args),
    dir: options.workdir ?? before.dir,
    user: options.user ?? before.user,
    hostname: options.hostname ?? before.hostname,
    stopSignal: options.stopSignal ?? before.stopSignal,
    stopGracePeriodMs: options.stopGracePeriod ?? before.stopGracePeriodMs,
    healthcheck: changedHealthcheck(before.healthcheck, options),
    tty: options.tty ?? before.tty,
    readOnly: options.readOnly ?? before.readOnly,
    init: options.init ?? before.init,
    oomScoreAdj: options.oomScoreAdj ?? before.oomScoreAdj,
    log: readLogConfig(options.logDriver ?? '', options.logOpt) ?? before.log,
    ...changedCapabilities(before, options),
    ...changedLists(before, flags, names),
  };
}

/** Nothing is the image's own, as in Docker. */
function commandLine(items: readonly string[]): StringList | undefined {
  return items.length === 0 ? undefined : { items: [...items] };
}

function changedLists(before: ContainerSpec, { edits }: ServiceFlags, names: KnownNames): Partial<ContainerSpec> {
  return {
    env: editList(before.env, {
      add: edits.env.add,
      removes: (line) => edits.env.rm.includes(beforeSign(line, '=')),
      keyOf: (line) => beforeSign(line, '='),
    }),
    labels: editRecord(before.labels, edits.containerLabels),
    sysctls: editRecord(before.sysctls, edits.sysctls),
    groups: editTexts(before.groups, edits.groups),
    dns: editTexts(before.dns, edits.dns),
    dnsSearch: editTexts(before.dnsSearch, edits.dnsSearch),
    dnsOptions: editTexts(before.dnsOptions, edits.dnsOptions),
    // One name may stand for several addresses.
    extraHosts: editList(before.extraHosts, {
      add: edits.hosts.add,
      removes: (line) => edits.hosts.rm.some((text) => text === line || text === beforeSign(line, ':')),
      keyOf: (line) => line,
    }),
    mounts: editList(before.mounts, {
      add: edits.mounts.add,
      removes: ({ target }) => edits.mounts.rm.includes(target),
      keyOf: ({ target }) => target,
    }),
    ulimits: editList(before.ulimits, {
      add: edits.ulimits.add,
      removes: ({ name }) => edits.ulimits.rm.includes(name),
      keyOf: ({ name }) => name,
    }),
    secrets: changedFiles(before.secrets, edits.secrets, names.secrets),
    configs: changedFiles(before.configs, edits.configs, names.configs),
  };
}

/** Two files can't have the same path. What is removed is named, or told by its id. */
function changedFiles(
  files: readonly FileReference[],
  { add, rm }: Edit<FileReference>,
  ids: ReadonlyMap<string, string>,
): FileReference[] {
  const removed = new Set(rm.flatMap((reference) => [reference, ids.get(reference) ?? reference]));
  return editList(files, {
    add,
    removes: ({ id, name }) => removed.has(name) || removed.has(id),
    keyOf: ({ target }) => target,
  });
}

function beforeSign(text: string, sign: '=' | ':'): string {
  return text.split(sign, 1)[0] ?? text;
}
