/**
 * What a task's templates come to on this node. The task as assigned, and so the service, keeps the text that the user
 * wrote: the spec is the same on all nodes. Pure.
 */
import { GantryError } from '../../proto/errors.ts';
import {
  type ConfigSpec,
  ContainerSpec,
  type FileReference,
  type NodeDescription,
  type SecretSpec,
  type Task,
} from '../../proto/generated/gantry/v1/types.ts';
import { containerName, slotName } from '../../proto/task-name.ts';
import {
  type ContentSources,
  expandContentTemplate,
  expandServiceTemplate,
  TEMPLATE_DRIVER,
  type TemplateFacts,
} from '../../proto/template/service-template.ts';
import { TemplateError } from '../../proto/template/syntax.ts';
import { mapTemplates } from '../../proto/template/templated-fields.ts';

/** This node as templates can name it. */
export type NodeFacts = Pick<NodeDescription, 'hostname' | 'platform'>;

/** The container as the task wants it here. Throws INVALID_ARGUMENT when it can't be told. */
export function expandContainer(task: Task, node: NodeFacts): ContainerSpec {
  const facts = factsOf(task, node);
  const spec = ContainerSpec.fromPartial(task.spec?.container ?? {});
  return mapTemplates(spec, (text, what) => expanded(task, what, () => expandServiceTemplate(text, facts)));
}

/** What a secret or config says: to the names that it can ask for belongs the environment of `container`, as expanded. */
export interface ContentContext {
  readonly task: Task;
  readonly node: NodeFacts;
  readonly container: ContainerSpec;
  readonly secretOf: (reference: FileReference) => SecretSpec | undefined;
  readonly configOf: (reference: FileReference) => ConfigSpec | undefined;
}

/** The content of one of the task's secrets or configs. Throws INVALID_ARGUMENT, UNSUPPORTED when it can't be told. */
export function expandContent(spec: SecretSpec | ConfigSpec, context: ContentContext): Buffer {
  const { task, node } = context;
  const name = spec.annotations?.name ?? '';
  if (spec.templateDriver === '') return spec.data;
  if (spec.templateDriver !== TEMPLATE_DRIVER) {
    throw new GantryError(
      'UNSUPPORTED',
      `this node doesn't know the template driver "${spec.templateDriver}" of ${name}`,
      {
        hint: 'install the version on it that the managers have',
      },
    );
  }
  const facts = factsOf(task, node);
  const text = expanded(task, name, () => expandContentTemplate(textOf(spec), facts, sourcesOf(context)));
  return Buffer.from(text);
}

/** Content that is asked for is taken as it is, also where it is a template itself: so there are no circles. */
function sourcesOf({ container, secretOf, configOf }: ContentContext): ContentSources {
  const environment = new Map(container.env.map((variable) => splitVariable(variable)));
  return {
    env: (name) => environment.get(name),
    secret: (target) => contentAt(container.secrets, '/run/secrets', target, secretOf),
    config: (target) => contentAt(container.configs, '', target, configOf),
  };
}

function splitVariable(variable: string): [name: string, value: string] {
  const equals = variable.indexOf('=');
  return equals === -1 ? [variable, ''] : [variable.slice(0, equals), variable.slice(equals + 1)];
}

function contentAt(
  references: readonly FileReference[],
  directory: string,
  target: string,
  specOf: (reference: FileReference) => SecretSpec | ConfigSpec | undefined,
): string | undefined {
  const path = target.startsWith('/') ? target : `${directory}/${target}`;
  const reference = references.find((candidate) => candidate.target === path);
  const spec = reference && specOf(reference);
  return spec && textOf(spec);
}

function textOf({ data, annotations }: SecretSpec | ConfigSpec): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch (cause) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `${annotations?.name ?? ''} is part of a template, and is not UTF-8 text`,
      {
        hint: 'give the service the file itself',
        cause,
      },
    );
  }
}

function factsOf(task: Task, { hostname, platform }: NodeFacts): TemplateFacts {
  return {
    service: { id: task.serviceId, name: task.serviceName, labels: task.serviceLabels },
    node: { id: task.nodeId, hostname, os: platform?.os ?? '', architecture: platform?.architecture ?? '' },
    task: { id: task.id, name: containerName(task), slot: slotName(task) },
  };
}

function expanded(task: Task, what: string, expand: () => string): string {
  try {
    return expand();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new GantryError(
      'INVALID_ARGUMENT',
      `expand the template in ${what} of ${task.serviceName}: ${error.reason}`,
      {
        hint: 'mend it in the stack, and deploy that again',
        cause: error,
      },
    );
  }
}
