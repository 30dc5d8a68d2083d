/** Where merging differs from "mappings by key, lists one after the other, anything else replaced" (Compose specification, 13-merge). */

export type MergeRule =
  /** `KEY=value` or `KEY: value`, by key. */
  | 'key-values'
  /** One value or a list, one list after the other. */
  | 'list'
  /** Host names, whose addresses add up. */
  | 'hosts'
  /** The later one counts. */
  | 'replace'
  | 'build'
  | 'depends-on'
  /** A list of names or a mapping, by name. */
  | 'named'
  | 'logging'
  /** By subnet. */
  | 'ipam'
  /** Soft and hard each; of one number and two, the later counts. */
  | 'limit';

const RULES: ReadonlyMap<string, MergeRule> = new Map<string, MergeRule>([
  ['networks.*.ipam.config', 'ipam'],
  ['networks.*.labels', 'key-values'],
  ['volumes.*.labels', 'key-values'],
  ['secrets.*.labels', 'key-values'],
  ['configs.*.labels', 'key-values'],
  ['services.*.annotations', 'key-values'],
  ['services.*.build', 'build'],
  ['services.*.build.additional_contexts', 'key-values'],
  ['services.*.build.args', 'key-values'],
  ['services.*.build.extra_hosts', 'hosts'],
  ['services.*.build.labels', 'key-values'],
  ['services.*.build.ssh', 'key-values'],
  ['services.*.command', 'replace'],
  ['services.*.depends_on', 'depends-on'],
  ['services.*.deploy.labels', 'key-values'],
  ['services.*.dns', 'list'],
  ['services.*.dns_opt', 'list'],
  ['services.*.dns_search', 'list'],
  ['services.*.entrypoint', 'replace'],
  ['services.*.env_file', 'list'],
  ['services.*.environment', 'key-values'],
  ['services.*.extra_hosts', 'hosts'],
  ['services.*.healthcheck.test', 'replace'],
  ['services.*.label_file', 'list'],
  ['services.*.labels', 'key-values'],
  ['services.*.logging', 'logging'],
  ['services.*.models', 'named'],
  ['services.*.networks', 'named'],
  ['services.*.sysctls', 'key-values'],
  ['services.*.tmpfs', 'list'],
  ['services.*.ulimits.*', 'limit'],
]);

export function ruleOf(path: readonly string[]): MergeRule | undefined {
  return RULES.get(patternOf(path));
}

/** "services.*.networks.*.aliases" of services.web.networks.front.aliases: names of the user's own become "*". */
export function patternOf(path: readonly string[]): string {
  return path.map((key, index) => (isOwnName(path, index) ? '*' : key)).join('.');
}

function isOwnName(path: readonly string[], index: number): boolean {
  if (index === 1) return true;
  return index === 3 && path[0] === 'services' && (path[2] === 'networks' || path[2] === 'ulimits');
}
