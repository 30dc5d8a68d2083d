/** What a build has to say about the Dockerfile: in short after it, in full for --check. Pure. */
import type { BuildWarning } from '../../proto/generated/gantry/v1/engine.ts';

const RULES_URL = 'https://docs.docker.com/go/dockerfile/rule';

/** A line for each; empty without any. */
export function warningSummary(warnings: readonly BuildWarning[]): string {
  if (warnings.length === 0) return '';
  const head = warnings.length === 1 ? '1 warning found' : `${warnings.length} warnings found`;
  const lines = warnings.map(({ rule, message, line }) => ` - ${rule}: ${message} (line ${line})\n`);
  return `\n ${head} (use --check to expand):\n${lines.join('')}`;
}

/** As `docker build --check` prints it. */
export function checkReport(warnings: readonly BuildWarning[]): string {
  if (warnings.length === 0) return 'Check complete, no warnings found.\n';
  const head =
    warnings.length === 1
      ? 'Check complete, 1 warning has been found!\n'
      : `Check complete, ${warnings.length} warnings have been found!\n`;
  const blocks = warnings.map(
    ({ rule, message, excerpt }) => `\nWARNING: ${rule} - ${RULES_URL}/${ruleWords(rule)}/\n${message}\n${excerpt}`,
  );
  return head + blocks.join('');
}

/** JSONArgsRecommended: json-args-recommended */
function ruleWords(rule: string): string {
  return rule
    .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase();
}
