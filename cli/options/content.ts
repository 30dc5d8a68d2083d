/** What `secret create` and `config create` take: content from a file or standard input, labels, and a template driver. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ConfigSpec } from '../../proto/generated/gantry/v1/types.ts';
import { checkContentTemplate, TEMPLATE_DRIVER } from '../../proto/template/service-template.ts';
import { TemplateError } from '../../proto/template/syntax.ts';
import type { Cli } from '../cli.ts';
import { CliError, fileReason } from '../failure.ts';
import { readLabels } from './pairs.ts';

export interface ContentOptions {
  readonly label: readonly string[];
  readonly templateDriver: string;
}

export function parseTemplateDriver(text: string): string {
  if (text === TEMPLATE_DRIVER) return text;
  throw new CliError(`invalid --template-driver "${text}"`, { hint: `use ${TEMPLATE_DRIVER}` });
}

/** A secret's spec has the same form. `file`: "-" for standard input. */
export async function contentSpec(
  cli: Cli,
  name: string,
  file: string,
  { label, templateDriver }: ContentOptions,
): Promise<ConfigSpec> {
  const data = file === '-' ? await readStandardInput(cli) : readContent(cli, file);
  if (templateDriver !== '') checkContent(file, data);
  return { annotations: { name, labels: readLabels([], label) }, data, templateDriver };
}

function readContent(cli: Cli, file: string): Buffer {
  try {
    return readFileSync(resolve(cli.cwd, file));
  } catch (error) {
    throw new CliError(`cannot read the content from ${file}: ${fileReason(error)}`, {
      hint: "name a file, or '-' for standard input",
    });
  }
}

async function readStandardInput({ stdin }: Cli): Promise<Buffer> {
  if (stdin.isTTY) throw new CliError('standard input is a terminal', { hint: 'name a file, or write "… | gantry …"' });
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function checkContent(file: string, data: Buffer): void {
  const place = file === '-' ? 'stdin' : file;
  try {
    checkContentTemplate(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data));
  } catch (error) {
    if (error instanceof TemplateError) {
      const hint = 'mend it, or leave out --template-driver';
      throw new CliError(`${place}:${error.line}: bad template: ${error.reason}`, { hint });
    }
    throw new CliError(`${place}: a template must be UTF-8 text`, { hint: 'convert it to UTF-8' });
  }
}
