import { expect, it } from 'vitest';
import { PublishMode, ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { touchEndpoints } from './concerns.ts';

/** That has been told of these items, by kind and id. */
function session(...told: string[]) {
  const touched: string[] = [];
  return {
    touched,
    isTold: (kind: string, id: string) => told.includes(`${kind} ${id}`),
    touch: (kind: string, id: string) => void touched.push(`${kind} ${id}`),
  };
}

it('wakes nobody for the endpoints of a service whom they do not concern', () => {
  const onNetwork = session('network front');
  const elsewhere = session('network back', 'endpoints db');
  const knowing = session('endpoints web');
  const all = [onNetwork, elsewhere, knowing];
  const take = () => all.map(({ touched }) => touched.splice(0).join());
  const onFront = ServiceEndpoints.fromPartial({ serviceId: 'web', networks: [{ target: 'front' }] });
  touchEndpoints('web', onFront, all);
  expect(take()).toEqual(['endpoints web', '', 'endpoints web']);
  touchEndpoints('web', undefined, all);
  expect(take()).toEqual(['', '', 'endpoints web']);
  const published = ServiceEndpoints.fromPartial({ serviceId: 'web', ports: [{ mode: PublishMode.INGRESS }] });
  touchEndpoints('web', published, all);
  expect(take()).toEqual(['endpoints web', 'endpoints web', 'endpoints web']);
});
