/**
 * Runs the text scripts in scenarios/. Each is blocks of a command, a line of dashes, and what it shows; all
 * before the first command says what the script is about. GANTRY_RECORD=1 writes what is shown into the scripts.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Scenario, type ScriptCommand } from './scenario.testing.ts';

const DIR = join(import.meta.dirname, 'scenarios');
const RECORD = process.env.GANTRY_RECORD === '1';

interface Block {
  readonly comments: readonly string[];
  readonly command: string;
}

function parse(text: string): Block[] {
  return text.split('\n\n').flatMap((paragraph): Block[] => {
    const lines = paragraph.split('\n').filter((line) => line !== '');
    const comments = lines.filter((line) => line.startsWith('#'));
    const command = lines.find((line) => !line.startsWith('#')) ?? '';
    return lines.length === 0 ? [] : [{ comments, command }];
  });
}

function parseCommand(line: string): ScriptCommand {
  const [name = '', ...words] = line.split(/\s+/);
  const pairs = words.filter((word) => word.includes('='));
  return {
    name,
    plain: words.filter((word) => !word.includes('=')),
    named: new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])),
  };
}

async function play(text: string): Promise<string> {
  const scenario = new Scenario();
  const paragraphs: string[] = [];
  for (const { comments, command } of parse(text)) {
    const output = command === '' ? [] : [command, '----', ...(await scenario.run(parseCommand(command)))];
    paragraphs.push([...comments, ...output].join('\n'));
  }
  return `${paragraphs.join('\n\n')}\n`;
}

describe('the loops together', () => {
  it.each(readdirSync(DIR))('%s', async (name) => {
    const path = join(DIR, name);
    const script = readFileSync(path, 'utf8');
    const played = await play(script);
    if (RECORD) writeFileSync(path, played);
    expect(played).toBe(RECORD ? played : script);
  });
});
