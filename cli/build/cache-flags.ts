/** --cache-from and --cache-to of `build`: caches that travel within images. Pure. */
import { CliError, EXIT } from '../failure.ts';

/** The image that --cache-from names: IMAGE, or type=registry,ref=IMAGE. `flag`: as the user knows it. Throws CliErrors. */
export function cacheImage(text: string, flag = '--cache-from'): string {
  if (text !== '' && !text.includes('=')) return text;
  const fields = readFields(flag, text);
  const type = fields.get('type');
  if (type !== 'registry') throw refused(flag, type, 'write type=registry,ref=IMAGE');
  const reference = fields.get('ref') ?? '';
  if (reference !== '') return reference;
  throw new CliError(`${flag} ${text} names no image`, { hint: 'add ref=IMAGE', exitCode: EXIT.refused });
}

/** Throws CliErrors unless it is type=inline. */
export function checkCacheTarget(text: string, flag = '--cache-to'): void {
  const type = text.includes('=') ? readFields(flag, text).get('type') : text;
  if (type !== 'inline') throw refused(flag, type, 'write type=inline, and push the image');
}

function readFields(flag: string, text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(',').map((field): [string, string] => {
      const equals = field.indexOf('=');
      if (equals > 0) return [field.slice(0, equals).trim(), field.slice(equals + 1)];
      throw new CliError(`invalid argument "${text}" for ${flag}`, {
        hint: 'write type=TYPE,KEY=VALUE',
        exitCode: EXIT.refused,
      });
    }),
  );
}

function refused(flag: string, type: string | undefined, hint: string): CliError {
  return new CliError(`the type ${type ?? '""'} of ${flag} is not supported`, { hint, exitCode: EXIT.refused });
}
