/** Which platforms builds are for: the host's own alone. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { fitsPlatform, parsePlatform, platformText } from '../../proto/platform.ts';
import type { Platform } from '../image/manifest.ts';

/** Throws UNSUPPORTED unless each of the platforms, with commas between, is the host's own. Without an OS it is Linux. */
export function checkPlatform(text: string, host: Platform): void {
  const foreign = text
    .split(',')
    .map((one) => one.trim())
    .find((one) => one !== '' && !isOwn(one, host));
  if (foreign === undefined) return;
  throw new GantryError('UNSUPPORTED', `building for ${foreign} is not supported on ${platformText(host)}`, {
    hint: 'build on a host of that platform',
  });
}

function isOwn(text: string, host: Platform): boolean {
  return [text, `${host.os}/${text}`].some((one) => {
    const platform = parsePlatform(one);
    return platform !== undefined && fitsPlatform(platform, host);
  });
}
