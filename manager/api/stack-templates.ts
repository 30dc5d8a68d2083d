/**
 * Refuses templates that no node could expand, whoever sent the stack: a task would only be rejected by its node. The CLI
 * has said where in the file. Pure.
 */
import { GantryError } from '../../proto/errors.ts';
import type { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import type { ConfigSpec, SecretSpec } from '../../proto/generated/gantry/v1/types.ts';
import { checkContentTemplate, checkServiceTemplate, TEMPLATE_DRIVER } from '../../proto/template/service-template.ts';
import { TemplateError } from '../../proto/template/syntax.ts';
import { mapTemplates } from '../../proto/template/templated-fields.ts';
import { completeAnnotations } from '../store/object-type.ts';
import { completeServiceSpec } from '../store/service.ts';

/** Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function checkTemplates(stack: Pick<StackSpec, 'services' | 'secrets' | 'configs'>): void {
  for (const raw of stack.services) {
    const spec = completeServiceSpec(raw);
    mapTemplates(spec.task.container, (text, what) => {
      refuse(`service ${spec.annotations.name}: ${what}`, () => checkServiceTemplate(text));
      return text;
    });
  }
  for (const spec of stack.secrets) checkContent('secret', spec);
  for (const spec of stack.configs) checkContent('config', spec);
}

function checkContent(kind: string, spec: SecretSpec | ConfigSpec): void {
  const what = `${kind} ${completeAnnotations(spec.annotations).name}`;
  if (spec.templateDriver === '') return;
  if (spec.templateDriver !== TEMPLATE_DRIVER) {
    throw new GantryError('UNSUPPORTED', `${what}: there is no template driver "${spec.templateDriver}"`, {
      hint: `use ${TEMPLATE_DRIVER}`,
    });
  }
  refuse(what, () => checkContentTemplate(spec.data.toString('utf8')));
}

function refuse(what: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new GantryError('INVALID_ARGUMENT', `${what}: bad template in line ${error.line}: ${error.reason}`, {
      hint: 'mend it',
      cause: error,
    });
  }
}
