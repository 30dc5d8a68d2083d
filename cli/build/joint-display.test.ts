import { expect, it } from 'vitest';
import { JointBuildDisplay } from './joint-display.ts';
import { PlainBuildDisplay } from './plain-display.ts';

it('shows the steps of several builds with their names, each under a number of its own', () => {
  let text = '';
  const stream = {
    write: (part: string) => {
      text += part;
      return true;
    },
  };
  const joint = new JointBuildDisplay(new PlainBuildDisplay(stream as never, () => 0));
  const [web, db] = [joint.of('web'), joint.of('db')];
  const step = (place: string, instruction: string) => ({
    number: 1,
    total: 2,
    place,
    text: instruction,
    cached: false,
  });
  web.step(step('1/2', 'FROM base'));
  db.step(step('build 1/2', 'RUN make'));
  db.stepOutput({ number: 1, data: Buffer.from('made\n') });
  web.stepEnd({ number: 1, durationMs: 100, error: '' });
  web.end();
  db.stepEnd({ number: 1, durationMs: 200, error: 'exit code 1' });
  joint.end();
  expect(text).toBe(
    '#1 [web 1/2] FROM base\n#1 ...\n\n#2 [db build 1/2] RUN make\n#2 0.000 made\n#2 ...\n\n#1 [web 1/2] FROM base\n#1 DONE 0.1s\n\n' +
      '#2 [db build 1/2] RUN make\n#2 ERROR: exit code 1\n\n------\n > [db build 1/2] RUN make:\nmade\n------\n',
  );
});
