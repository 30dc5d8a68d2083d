/** Here-documents of RUN, COPY and ADD. Pure. */
import { GantryError } from '../../proto/errors.ts';

export interface Heredoc {
  /** The delimiter; for COPY also the file's name. */
  readonly name: string;
  readonly content: string;
  /** Variables in the content are for the builder to expand (COPY); not when the delimiter was quoted. */
  readonly expand: boolean;
  /** As it stands in the instruction: "<<-'EOF'" */
  readonly marker: string;
}

const MARKER = /(?<![<\d])<<(-?)(["']?)([A-Za-z_][\w.]*)\2/g;

/** The here-documents announced in `text`, whose content is in `lines`, one after the other. */
export function takeHeredocs(text: string, lines: readonly string[], at: { file: string; line: number }): Heredoc[] {
  const heredocs: Heredoc[] = [];
  let next = 0;
  for (const [marker, dash = '', quote = '', name = ''] of text.matchAll(MARKER)) {
    const content: string[] = [];
    for (;;) {
      const line = lines[next++];
      if (line === undefined) {
        throw new GantryError(
          'INVALID_ARGUMENT',
          `${at.file}:${at.line}: unterminated here-document: no line "${name}"`,
        );
      }
      const stripped = dash === '' ? line : line.replace(/^\t+/, '');
      if (stripped === name) break;
      content.push(`${stripped}\n`);
    }
    heredocs.push({ name, content: content.join(''), expand: quote === '', marker });
  }
  return heredocs;
}
