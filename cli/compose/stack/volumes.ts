/** The top-level volumes. Their names, options and labels may be templates. */
import type { VolumeSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { type ProjectContext, type Resource, STACK_LABEL } from './context.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { readLabelTemplates, readTemplate } from './templates.ts';

export function convertVolume(cursor: ModelCursor, context: ProjectContext): Resource<VolumeSpec> {
  return cursor.object({}, (fields) => {
    const fullName = fields.get('name', readTemplate) ?? '';
    return { fullName, spec: fields.flag('external') ? undefined : readVolume(fields, context) };
  });
}

function readVolume(fields: Fields, context: ProjectContext): VolumeSpec {
  return {
    driver: fields.get('driver', (cursor) => cursor.oneOf(['local'])) ?? 'local',
    driverOpts: fields.get('driver_opts', readLabelTemplates) ?? {},
    labels: { ...fields.get('labels', readLabelTemplates), [STACK_LABEL]: context.model.name },
  };
}
