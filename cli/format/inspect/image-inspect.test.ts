import { describe, expect, it } from 'vitest';
import { Image, ImageConfig } from '../../../proto/generated/gantry/v1/engine.ts';
import { compileTemplate } from '../../../proto/template/template.ts';
import { toJsonValue } from '../../../proto/template/values.ts';
import { inspectImage } from './image-inspect.ts';

const bare = inspectImage(Image.fromPartial({ id: `sha256:${'a'.repeat(64)}`, config: ImageConfig.create() }));
const render = (template: string) => compileTemplate(template).render(bare);

describe('an image that says nothing, as scripts ask for it', () => {
  it('has nulls in its JSON where Docker has them, and leaves out what Docker leaves out', () => {
    expect(toJsonValue(bare)).toMatchObject({
      Config: { User: '', Env: null, Cmd: null, Volumes: null, WorkingDir: '', Entrypoint: null, Labels: null },
    });
    for (const key of ['ExposedPorts', 'Healthcheck', 'StopSignal', 'Shell'])
      expect(toJsonValue(bare)).not.toHaveProperty(`Config.${key}`);
  });

  it('prints empty lists and maps in templates', () => {
    expect(render('{{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.Volumes}} {{.Config.Labels}}')).toBe(
      '[] [] map[] map[]',
    );
    expect(render('{{.Config.ExposedPorts}} {{json .Config.ExposedPorts}} {{json .Config.Labels}}')).toBe(
      'map[] null null',
    );
    expect(
      render('{{if .Config.Healthcheck}}yes{{else}}no{{end}}{{range .Config.Shell}}x{{end}}{{.Config.StopSignal}}'),
    ).toBe('no');
    expect(render('{{index .Config.Labels "x"}}{{range $port, $_ := .Config.ExposedPorts}}{{$port}}{{end}}')).toBe('');
  });
});
