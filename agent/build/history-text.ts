/** What an image's history says of instructions that change its config: with values, where the Dockerfile has variables. Pure. */
import type { ImageConfig } from '../../proto/generated/gantry/v1/engine.ts';
import { pairs } from './config-changes.ts';
import type { Instruction } from './dockerfile.ts';
import { type Expander, expandWord, expandWords } from './words.ts';

/** `config`: after the instruction. */
export function historyText(instruction: Instruction, expander: Expander, config: ImageConfig): string {
  const { keyword, text, summary } = instruction;
  switch (keyword) {
    case 'ENV':
    case 'LABEL':
      return [keyword, ...pairs(instruction, expander).map(({ name, value }) => `${name}=${value}`)].join(' ');
    case 'EXPOSE':
      return [keyword, ...expandWords(text, expander)].join(' ');
    case 'STOPSIGNAL':
    case 'USER':
      return `${keyword} ${expandWord(text, expander)}`;
    case 'WORKDIR':
      return `${keyword} ${config.dir}`;
    default:
      return summary;
  }
}
