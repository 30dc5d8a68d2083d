/** The variables that compose files name, as they are written there. */
import type { Tree } from '../syntax/tree.ts';

export interface TemplateVariable {
  readonly name: string;
  /** `${NAME?}`: it must be set. */
  readonly isRequired: boolean;
  /** `${NAME-default}`; "" without. */
  readonly defaultValue: string;
  /** `${NAME+alternate}`; "" without. */
  readonly alternateValue: string;
}

/** By name; of one that is named several times, what is said of it the first time. */
export function templateVariables(tree: Tree): TemplateVariable[] {
  const found = new Map<string, TemplateVariable>();
  const visit = (value: Tree): void => {
    if (value.kind === 'sequence') value.items.forEach(visit);
    else if (value.kind === 'mapping') for (const entry of value.entries.values()) visit(entry.value);
    else if (typeof value.value === 'string') for (const one of variablesIn(value.text)) add(found, one);
  };
  visit(tree);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function add(found: Map<string, TemplateVariable>, variable: TemplateVariable): void {
  const before = found.get(variable.name);
  const isSaid =
    before !== undefined && (before.defaultValue !== '' || before.alternateValue !== '' || before.isRequired);
  if (!isSaid) found.set(variable.name, variable);
}

const START = /\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(:?[-+?])?)/g;

function variablesIn(text: string): TemplateVariable[] {
  const found: TemplateVariable[] = [];
  for (const match of text.matchAll(START)) {
    const [whole, escaped, plain, braced, operator = ''] = match;
    const name = plain ?? braced;
    if (escaped !== undefined || name === undefined) continue;
    const rest = operator === '' ? '' : untilBrace(text.slice(match.index + whole.length));
    found.push({
      name,
      isRequired: operator.endsWith('?'),
      defaultValue: operator.endsWith('-') ? rest : '',
      alternateValue: operator.endsWith('+') ? rest : '',
    });
  }
  return found;
}

/** Up to the brace that closes the variable, whose own may hold others. */
function untilBrace(text: string): string {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text.startsWith('${', index)) depth += 1;
    else if (text[index] === '}') {
      if (depth === 0) return text.slice(0, index);
      depth -= 1;
    }
  }
  return text;
}
