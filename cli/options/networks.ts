/** --network. */
import type { NetworkAttachmentConfig } from '../../proto/generated/gantry/v1/types.ts';
import { invalidFlag } from '../command-line.ts';

const HINT = 'write NAME or name=NAME,alias=ALIAS';

/** NAME, or name=NAME,alias=ALIAS. */
export function parseNetwork(flag: string, text: string, aliases: readonly string[]): NetworkAttachmentConfig {
  if (text === '') throw invalidFlag(flag, text, HINT);
  if (!text.includes('=')) return { target: text, aliases: [...aliases] };
  const attachment: NetworkAttachmentConfig = { target: '', aliases: [...aliases] };
  for (const field of text.split(',')) {
    const [key, value = ''] = field.split('=');
    if (key === 'name') attachment.target = value;
    else if (key === 'alias') attachment.aliases.push(value);
    else throw invalidFlag(flag, text, HINT);
  }
  if (attachment.target === '') throw invalidFlag(flag, text, HINT);
  return attachment;
}
