import { expect, it } from 'vitest';
import { ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { serviceChanges } from './service-changes.ts';

function service(serviceId: string, ...tasks: string[]): ServiceEndpoints {
  return ServiceEndpoints.fromPartial({ serviceId, endpoints: tasks.map((taskId) => ({ taskId })) });
}

it('are those that are new, others than before, or gone', () => {
  const [web, db] = [service('web', 't1'), service('db')];
  expect(serviceChanges([], [web])).toEqual({ put: [web], removed: [] });
  expect(serviceChanges([web, db], [db, service('web', 't1')])).toEqual({ put: [], removed: [] });
  const scaled = service('web', 't1', 't2');
  expect(serviceChanges([web, db], [scaled])).toEqual({ put: [scaled], removed: ['db'] });
});
