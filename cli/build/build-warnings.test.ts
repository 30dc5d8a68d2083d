import { describe, expect, it } from 'vitest';
import { checkReport, warningSummary } from './build-warnings.ts';

const warning = (rule: string, line: number) => ({
  rule,
  line,
  message: `of ${rule}`,
  excerpt: `Dockerfile:${line}\n`,
});

describe('what is said of a Dockerfile', () => {
  it('is short after a build', () => {
    expect(warningSummary([])).toBe('');
    expect(warningSummary([warning('StageNameCasing', 3)])).toBe(
      '\n 1 warning found (use --check to expand):\n - StageNameCasing: of StageNameCasing (line 3)\n',
    );
    expect(warningSummary([warning('A', 1), warning('B', 2)])).toContain('2 warnings found');
  });

  it('is whole for --check, with where the rule is explained', () => {
    expect(checkReport([])).toBe('Check complete, no warnings found.\n');
    const report = checkReport([warning('JSONArgsRecommended', 1), warning('SecretsUsedInArgOrEnv', 2)]);
    expect(report).toMatch(
      /^Check complete, 2 warnings have been found!\n\nWARNING: JSONArgsRecommended - .*\/json-args-recommended\/\n/,
    );
    expect(report).toContain('/secrets-used-in-arg-or-env/\nof SecretsUsedInArgOrEnv\nDockerfile:2\n');
  });
});
