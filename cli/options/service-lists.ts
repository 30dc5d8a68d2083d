/**
 * What of a service is a list: given whole to `service create` (--env), changed one by one by `service update`
 * (--env-add, --env-rm).
 */
import type { Command } from 'commander';

interface ListFlag {
  readonly short?: string;
  /** As help names one of its items, and what removes one. */
  readonly item: string;
  readonly key: string;
  readonly text: string;
}

const LISTS = {
  config: { item: 'config', key: 'config', text: 'config as a file: NAME or source=NAME,target=/PATH' },
  constraint: { item: 'constraint', key: 'constraint', text: 'where tasks may be: node.labels.zone==a' },
  'container-label': { item: 'name=value', key: 'name', text: "label of the service's containers" },
  dns: { item: 'ip', key: 'ip', text: 'name server' },
  'dns-option': { item: 'option', key: 'option', text: 'option of the resolver' },
  'dns-search': { item: 'domain', key: 'domain', text: 'domain to search names in' },
  env: { short: '-e', item: 'name=value', key: 'name', text: 'environment variable' },
  'generic-resource': { item: 'kind=count', key: 'kind', text: 'units that a node must have left for a task: gpu=2' },
  group: { item: 'group', key: 'group', text: 'further group of the user' },
  host: { item: 'host:ip', key: 'host[:ip]', text: 'line in /etc/hosts' },
  label: { short: '-l', item: 'name=value', key: 'name', text: 'label of the service' },
  mount: { item: 'mount', key: 'target', text: 'mount: type=bind|volume|tmpfs,source=...,target=...' },
  network: { item: 'network', key: 'network', text: 'network: NAME or name=NAME,alias=ALIAS' },
  'placement-pref': {
    item: 'preference',
    key: 'preference',
    text: 'what tasks are spread over: spread=node.labels.zone',
  },
  publish: { short: '-p', item: 'port', key: 'port', text: 'publish a port: 8080:80 or published=8080,target=80' },
  secret: { item: 'secret', key: 'secret', text: 'secret as a file: NAME or source=NAME,target=FILE' },
  sysctl: { item: 'name=value', key: 'name', text: 'kernel parameter of the containers' },
  ulimit: { item: 'limit', key: 'name', text: 'NAME=SOFT[:HARD]' },
} as const satisfies Readonly<Record<string, ListFlag>>;

export type ListName = keyof typeof LISTS;

/** What the user wrote for one list. */
export interface RawEdit {
  /** For what is wrong with an item. */
  readonly addFlag: string;
  readonly rmFlag: string;
  readonly add: readonly string[];
  readonly rm: readonly string[];
}

export type RawEdits = Readonly<Record<ListName, RawEdit>>;

/** The lists as `service create` takes them; the result is filled when the command line is read. */
export function declareLists(command: Command): RawEdits {
  return eachList((name, { short, item, text }) => ({
    addFlag: `--${name}`,
    rmFlag: '',
    add: declareItems(command, `${short === undefined ? '' : `${short}, `}--${name} <${item}>`, text),
    rm: [],
  }));
}

/** Changes of the lists as `service update` takes them; the result is filled when the command line is read. */
export function declareListEdits(command: Command): RawEdits {
  return eachList((name, { item, key, text }) => ({
    addFlag: `--${name}-add`,
    rmFlag: `--${name}-rm`,
    add: declareItems(command, `--${name}-add <${item}>`, `add: ${text}`),
    rm: declareItems(command, `--${name}-rm <${key}>`, 'remove what has been added'),
  }));
}

function eachList(declare: (name: ListName, flag: ListFlag) => RawEdit): RawEdits {
  const names = Object.keys(LISTS) as ListName[];
  return Object.fromEntries(names.map((name) => [name, declare(name, LISTS[name])])) as Record<ListName, RawEdit>;
}

function declareItems(command: Command, flags: string, text: string): string[] {
  const items: string[] = [];
  command.option(flags, text, (item: string) => items.push(item));
  return items;
}
