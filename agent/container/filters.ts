/** The filters of `ps`, as Docker's. Pure; what they need from elsewhere is passed in. */
import { GantryError } from '../../proto/errors.ts';
import { type Container, ContainerStatus, HealthStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { MountType } from '../../proto/generated/gantry/v1/types.ts';

const STATUS_NAMES: Readonly<Record<string, ContainerStatus>> = {
  created: ContainerStatus.CREATED,
  running: ContainerStatus.RUNNING,
  paused: ContainerStatus.PAUSED,
  restarting: ContainerStatus.RESTARTING,
  removing: ContainerStatus.REMOVING,
  exited: ContainerStatus.EXITED,
  dead: ContainerStatus.DEAD,
};

const HEALTH_NAMES: Readonly<Record<string, HealthStatus>> = {
  none: HealthStatus.NONE,
  starting: HealthStatus.STARTING,
  healthy: HealthStatus.HEALTHY,
  unhealthy: HealthStatus.UNHEALTHY,
};

/** What containers are filtered by, beyond what each says of itself. */
export interface FilterContext {
  /** Image ids by the text of an `ancestor` filter, for those that name an image here. */
  readonly imageIds: ReadonlyMap<string, string>;
}

type Matcher = (container: Container, value: string, context: FilterContext) => boolean;

const MATCHERS: Readonly<Record<string, Matcher>> = {
  id: ({ id }, value) => id.startsWith(value),
  name: ({ name, config }, value) =>
    [name, config?.spec?.containerName ?? ''].some((one) => one !== '' && toPattern(value).test(one)),
  label: ({ config }, value) => hasLabel(config?.spec?.labels ?? {}, value),
  status: ({ state }, value) => state?.status === known('status', STATUS_NAMES, value),
  health: ({ state }, value) => state?.health === known('health', HEALTH_NAMES, value),
  exited: ({ state }, value) => hasExited(state?.status) && state?.exitCode === integer('exited', value),
  ancestor: (container, value, { imageIds }) => isFromImage(container, value, imageIds.get(value)),
  network: ({ networks, config }, value) =>
    networks.some((one) => one.networkName === value || one.networkId.startsWith(value)) ||
    (config?.networks ?? []).some(({ target }) => target === value),
  volume: ({ config }, value) => usesVolume(config?.spec?.mounts ?? [], value),
};

export interface Filter {
  readonly key: string;
  readonly values: readonly string[];
}

/** "key=value" texts by key. Throws INVALID_ARGUMENT for a key or value that no container could match. */
export function parseFilters(texts: readonly string[]): Filter[] {
  const byKey = new Map<string, string[]>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    const key = text.slice(0, equals);
    if (equals === -1 || !Object.hasOwn(MATCHERS, key)) throw unknownFilter(text);
    byKey.set(key, [...(byKey.get(key) ?? []), text.slice(equals + 1)]);
  }
  const filters = [...byKey].map(([key, values]) => ({ key, values }));
  for (const filter of filters) validate(filter);
  return filters;
}

function validate({ key, values }: Filter): void {
  for (const value of values) {
    if (key === 'status') known(key, STATUS_NAMES, value);
    if (key === 'health') known(key, HEALTH_NAMES, value);
    if (key === 'exited') integer(key, value);
    if (key === 'name') toPattern(value);
  }
}

/** Filters of different keys must all hold, values of one key any, but for labels: all. */
export function matchesFilters(container: Container, filters: readonly Filter[], context: FilterContext): boolean {
  return filters.every(({ key, values }) => {
    const matches = (value: string) => MATCHERS[key]?.(container, value, context) ?? false;
    return key === 'label' ? values.every(matches) : values.some(matches);
  });
}

/** Without `all` only what runs or is about to is shown, unless a filter asks for something else. */
export function isListed(container: Container, all: boolean, filters: readonly Filter[]): boolean {
  if (all || filters.some(({ key }) => key === 'status' || key === 'exited')) return true;
  const status = container.state?.status;
  return (
    status === ContainerStatus.RUNNING || status === ContainerStatus.PAUSED || status === ContainerStatus.RESTARTING
  );
}

/** The texts of `ancestor` filters, to be looked up for the context. */
export function ancestorsOf(filters: readonly Filter[]): readonly string[] {
  return filters.find(({ key }) => key === 'ancestor')?.values ?? [];
}

/** Docker's name filter is a regular expression, found anywhere in the name, which may be written with a slash. */
function toPattern(value: string): RegExp {
  try {
    return new RegExp(value.replace(/^(\^?)\//, '$1'));
  } catch (cause) {
    throw new GantryError('INVALID_ARGUMENT', `the filter name=${value} is not a regular expression`, { cause });
  }
}

function hasLabel(labels: Readonly<Record<string, string>>, value: string): boolean {
  const equals = value.indexOf('=');
  if (equals === -1) return Object.hasOwn(labels, value);
  return labels[value.slice(0, equals)] === value.slice(equals + 1);
}

function hasExited(status: ContainerStatus | undefined): boolean {
  return status === ContainerStatus.EXITED || status === ContainerStatus.DEAD;
}

function isFromImage(container: Container, value: string, imageId: string | undefined): boolean {
  return container.imageId === imageId || container.config?.spec?.image === value;
}

function usesVolume(mounts: readonly { type: MountType; source: string; target: string }[], value: string): boolean {
  return mounts.some(({ type, source, target }) => type !== MountType.TMPFS && (source === value || target === value));
}

function known<Value>(key: string, names: Readonly<Record<string, Value>>, value: string): Value {
  const found = names[value];
  if (found !== undefined) return found;
  throw new GantryError('INVALID_ARGUMENT', `invalid filter ${key}=${value}`, {
    hint: `one of ${Object.keys(names).join(', ')}`,
  });
}

function integer(key: string, value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new GantryError('INVALID_ARGUMENT', `invalid filter ${key}=${value}`, { hint: 'give an exit code' });
}

function unknownFilter(text: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `invalid filter "${text}"`, {
    hint: `write KEY=VALUE, with one of ${Object.keys(MATCHERS).join(', ')}`,
  });
}
