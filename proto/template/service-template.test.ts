import { describe, expect, it } from 'vitest';
import {
  checkContentTemplate,
  checkServiceTemplate,
  expandContentTemplate,
  expandServiceTemplate,
  type TemplateFacts,
} from './service-template.ts';

const FACTS: TemplateFacts = {
  service: { id: 'svc1', name: 'shop_web', labels: { tier: 'front', 'com.example.zone': 'a' } },
  node: { id: 'n1', hostname: 'alpha', os: 'linux', architecture: 'arm64' },
  task: { id: 't1', name: 'shop_web.2.t1', slot: '2' },
};
const SOURCES = {
  env: (name: string) => ({ LEVEL: 'debug' })[name],
  secret: (target: string) => ({ password: 'hunter2' })[target],
  config: (target: string) => ({ '/base': 'common' })[target],
};

describe('a template of a service', () => {
  it.each([
    ['as it is', 'as it is'],
    ['{{.Service.ID}} {{.Service.Name}}', 'svc1 shop_web'],
    ['{{.Node.ID}} {{.Node.Hostname}}', 'n1 alpha'],
    ['{{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}', 'linux/arm64'],
    ['{{.Task.ID}} {{.Task.Name}} {{.Task.Slot}}', 't1 shop_web.2.t1 2'],
    ['{{.Service.Labels}}', 'map[com.example.zone:a tier:front]'],
    ['{{index .Service.Labels "com.example.zone"}}{{.Service.Labels.tier}}', 'afront'],
    ['{{index .Service.Labels "none"}}', ''],
    ['{{if eq .Task.Slot "2"}}second{{else}}other{{end}}', 'second'],
    ['{{with .Node}}{{.Hostname}} of {{$.Service.Name}}{{end}}', 'alpha of shop_web'],
    ['{{range $key, $value := .Service.Labels}}{{$key}}={{$value}};{{end}}', 'com.example.zone=a;tier=front;'],
    ['{{$s := .Service}}{{$s.Name | upper}}', 'SHOP_WEB'],
    ['{{"{{"}} literal }}', '{{ literal }}'],
  ])('%s', (text, expanded) => {
    expect(() => checkServiceTemplate(text)).not.toThrow();
    expect(expandServiceTemplate(text, FACTS)).toBe(expanded);
  });

  it.each([
    ['{{.Task.Slot', 'unclosed action'],
    ['{{.Foo}}', 'there is no field Foo; there are Service, Node, Task'],
    ['{{.Node.Platform.Arch}}', 'there is no field Arch; there are OS, Architecture'],
    ['{{if eq .Task.Slot "9"}}{{.Task.Nmae}}{{end}}', 'there is no field Nmae'],
    ['{{with .Node}}{{.Name}}{{end}}', 'there is no field Name; there are ID, Hostname, Platform'],
    ['{{if .Task.ID}}{{else}}{{$.Tsk}}{{end}}', 'there is no field Tsk'],
    ['{{$s := .Service}}{{$s.Title}}', 'there is no field Title'],
    ['{{printf "%s" .Service.Nmae}}', 'there is no field Nmae'],
    ['{{upper (index .Service.Labels "x").Length}}', "can't evaluate field Length in type string"],
    ['{{.Task.Slot.Number}}', "can't evaluate field Number in type string"],
    ['{{split .Task.Name}}', 'wrong number of args for split: want 2 got 1'],
    ['{{env "X"}}', 'function "env" not defined'],
    ['{{secret "password"}}', 'function "secret" not defined'],
  ])('%s is refused', (text, reason) => {
    expect(() => checkServiceTemplate(text)).toThrow(reason);
  });

  it('is not refused for what only its values could show', () => {
    expect(() => checkServiceTemplate('{{index (split .Node.Hostname "-") 1}}')).not.toThrow();
    expect(() => expandServiceTemplate('{{index (split .Node.Hostname "-") 1}}', FACTS)).toThrow(
      'index out of range: 1',
    );
    expect(() =>
      checkServiceTemplate('{{$x := .Task.ID}}{{if .Node.ID}}{{$x = .Node}}{{end}}{{$x.Hostname}}'),
    ).not.toThrow();
  });
});

describe('the content of a secret or config', () => {
  it('also asks for variables, secrets and configs of the task', () => {
    const text =
      'level={{env "LEVEL"}}{{env "UNSET"}}\npassword={{secret "password"}} {{config "/base"}} on {{.Node.Hostname}}\n';
    expect(() => checkContentTemplate(text)).not.toThrow();
    expect(expandContentTemplate(text, FACTS, SOURCES)).toBe('level=debug\npassword=hunter2 common on alpha\n');
  });

  it('can name only secrets and configs that the task has', () => {
    const expand = (text: string) => expandContentTemplate(text, FACTS, SOURCES);
    expect(() => expand('{{secret "other"}}')).toThrow('the service has no secret with the target "other"');
    expect(() => expand('{{config "other"}}')).toThrow('the service has no config with the target "other"');
  });

  it('says in which line it is wrong', () => {
    const found = () => checkContentTemplate('one\ntwo {{.Task.Slto}}\n');
    expect(found).toThrow(
      expect.objectContaining({ line: 2, reason: expect.stringContaining('there is no field Slto') }),
    );
  });
});
