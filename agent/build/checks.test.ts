import { describe, expect, it } from 'vitest';
import { planBuild } from './build-plan.ts';
import { checkDockerfile, parseCheckSettings } from './checks.ts';
import { parseDockerfile } from './dockerfile.ts';

const PLATFORM = { os: 'linux', architecture: 'amd64' };

/** RULE:LINE of each warning. */
function check(text: string): string[] {
  const dockerfile = parseDockerfile(text, 'Dockerfile');
  const plan = planBuild(dockerfile, {
    ...{ target: '', args: {}, contexts: new Map(), platform: PLATFORM, targetPlatform: undefined },
  });
  const settings = parseCheckSettings(dockerfile.check);
  return checkDockerfile(plan, dockerfile, settings).map(({ rule, line }) => `${rule}:${line}`);
}

describe('checks', () => {
  it.each([
    ['FROM a AS Build', ['StageNameCasing:1']],
    ['FROM a as build', ['FromAsCasing:1']],
    ['from a as build\nrun x', []],
    ['FROM a AS scratch', ['ReservedStageName:1']],
    ['FROM a AS x\nFROM b AS x\nFROM c', ['DuplicateStageName:2']],
    ['FROM a\nrun x\nRUN y', ['ConsistentInstructionCasing:2']],
    ['FROM a\nCMD x', ['JSONArgsRecommended:2']],
    ['FROM a\nSHELL ["/bin/bash", "-c"]\nENTRYPOINT x', []],
    ['FROM a\nMAINTAINER me', ['MaintainerDeprecated:2']],
    ['FROM a\nWORKDIR here\nWORKDIR there', ['WorkdirRelativePath:2']],
    ['FROM a\nWORKDIR /here\nWORKDIR there', []],
    ['FROM a\nCMD ["x"]\nCMD ["y"]', ['MultipleInstructionsDisallowed:2']],
    ['FROM a\nENV A b\nLABEL x=y', ['LegacyKeyValueFormat:2']],
    ['FROM --platform=$TARGETPLATFORM a', ['RedundantTargetPlatform:1']],
    ['FROM a\nARG API_TOKEN\nENV PUBLIC_KEY=x DB_PASSWORD=y', ['SecretsUsedInArgOrEnv:2', 'SecretsUsedInArgOrEnv:3']],
    ['# check=skip=StageNameCasing,FromAsCasing\nFROM a as Build', []],
    ['FROM a AS unused\nCMD x\nFROM b', []],
  ])('%j', (text, expected) => {
    expect(check(text)).toEqual(expected);
  });

  it('are settled in the file', () => {
    expect(parseCheckSettings(undefined)).toEqual({ skipped: new Set(), areErrors: false });
    expect(parseCheckSettings('skip=all; error=true')).toEqual({ skipped: 'all', areErrors: true });
    expect(() => parseCheckSettings('skipp=all')).toThrow('"skipp=all" is not known');
  });
});
