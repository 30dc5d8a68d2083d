/**
 * The node's nftables rules for IPv6, in a table beside the one for IPv4 (ruleset.ts), which is there only when it is needed. Pure.
 *
 * As with Docker, containers go out under the host's address: their own are known to nobody outside.
 */
import { IPV6_RULES } from '../rules/rule-family.ts';
import { type Ruleset, renderRemoval, renderRuleset } from '../ruleset.ts';

/** Makes the table if missing and replaces the rules in it. Without networks and ports there is none. */
export function renderRuleset6(instance: string, ruleset: Ruleset): string {
  const { bridges, ingress } = ruleset;
  if (bridges.length === 0 && ingress === undefined) return renderRemoval6(instance);
  return renderRuleset(instance, ruleset, IPV6_RULES);
}

/** Removes the table; no error when there is none. */
export function renderRemoval6(instance: string): string {
  return renderRemoval(instance, IPV6_RULES);
}
