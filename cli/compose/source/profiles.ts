/** Services of profiles that aren't active are left out (Compose specification, 15-profiles). */
import type { Problem } from '../syntax/problem.ts';
import { type Entry, type Mapping, type Tree, textIn } from '../syntax/tree.ts';

export interface ProfiledTree {
  readonly tree: Mapping;
  /** Services that aren't in it. */
  readonly inactive: readonly Entry[];
}

/** "*" is every profile. */
export function withActiveProfiles(tree: Mapping, active: ReadonlySet<string>, problems: Problem[]): ProfiledTree {
  const section = tree.entries.get('services');
  if (section?.value.kind !== 'mapping' || active.has('*')) return { tree, inactive: [] };
  const inactive = new Map<string, readonly string[]>();
  for (const { key, value } of section.value.entries.values()) {
    const profiles = profilesOf(value);
    if (profiles.length > 0 && !profiles.some((profile) => active.has(profile))) inactive.set(key, profiles);
  }
  if (inactive.size === 0) return { tree, inactive: [] };
  const entries = new Map<string, Entry>();
  for (const entry of section.value.entries.values()) {
    if (inactive.has(entry.key)) continue;
    entries.set(entry.key, { ...entry, value: checkedDependencies(entry, inactive, problems) });
  }
  const value: Mapping = { ...section.value, entries };
  return {
    tree: { ...tree, entries: new Map(tree.entries).set('services', { ...section, value }) },
    inactive: [...section.value.entries.values()].filter(({ key }) => inactive.has(key)),
  };
}

/** And those of these services as far as none of theirs is active. */
export function withProfilesOf(
  tree: Mapping,
  names: readonly string[],
  active: ReadonlySet<string>,
): ReadonlySet<string> {
  const services = tree.entries.get('services')?.value;
  if (services?.kind !== 'mapping' || active.has('*')) return active;
  const added = names.flatMap((name) => {
    const entry = services.entries.get(name);
    const profiles = entry === undefined ? [] : profilesOf(entry.value);
    return profiles.some((profile) => active.has(profile)) ? [] : profiles;
  });
  return new Set([...active, ...added]);
}

/** All that the services name, sorted. */
export function allProfiles(tree: Mapping): string[] {
  const services = tree.entries.get('services')?.value;
  const entries = services?.kind === 'mapping' ? [...services.entries.values()] : [];
  return [...new Set(entries.flatMap(({ value }) => profilesOf(value)))].sort();
}

function profilesOf(service: Tree): string[] {
  const profiles = service.kind === 'mapping' ? service.entries.get('profiles')?.value : undefined;
  const items = profiles?.kind === 'sequence' ? profiles.items : [];
  return items.flatMap((item) => (item.kind === 'scalar' ? [item.text] : []));
}

/** The service without what it can't depend on; what it needn't have stays. */
function checkedDependencies(
  service: Entry,
  inactive: ReadonlyMap<string, readonly string[]>,
  problems: Problem[],
): Tree {
  const clause = service.value.kind === 'mapping' ? service.value.entries.get('depends_on') : undefined;
  if (clause === undefined || service.value.kind !== 'mapping' || clause.value.kind === 'scalar') return service.value;
  const isActive = (name: string, place: Tree) => {
    const profiles = inactive.get(name);
    if (profiles === undefined || !isRequired(place)) return true;
    problems.push({
      position: place.position,
      key: `services.${service.key}.depends_on`,
      message: `service "${name}" is of the inactive profile ${profiles.join(', ')}`,
      hint: `activate it with --profile ${profiles[0]}, or set "required: false"`,
    });
    return false;
  };
  const { value } = clause;
  const kept: Tree =
    value.kind === 'sequence'
      ? { ...value, items: value.items.filter((item) => item.kind !== 'scalar' || isActive(item.text, item)) }
      : { ...value, entries: new Map([...value.entries].filter(([name, entry]) => isActive(name, entry.value))) };
  return { ...service.value, entries: new Map(service.value.entries).set('depends_on', { ...clause, value: kept }) };
}

function isRequired(dependency: Tree): boolean {
  return !/^(false|no|off|0|n|f)$/i.test(textIn(dependency, 'required') ?? '');
}
