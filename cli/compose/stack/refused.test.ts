import { describe, expect, it } from 'vitest';
import { refusals, webText } from './load.testing.ts';

describe('what is wrong is named with its place and remedy', () => {
  it.each([
    ['services:\n  web:\n    image: "x\n', 'stack.yml:'],
    ['services:\n\tweb: {}\n', 'stack.yml:2:1: YAML: Tabs are not allowed as indentation; indent with spaces'],
    [
      'services:\n  a: {image: x}\n  a: {image: y}\n',
      'stack.yml:3:3: YAML: Map keys must be unique; remove one of the two',
    ],
    ['', 'stack.yml:1:1: the file is empty'],
    ['- a\n', 'stack.yml:1:1: the file must be a mapping'],
    ['name: x\n', 'has no services'],
    [webText('comand: x'), 'stack.yml:4:5: services.web.comand: unknown key; did you mean "command"?'],
    [webText('qqqqq: x'), 'unknown key; remove it, or name it x-… to have it ignored'],
    [
      webText('storage_opt: {size: 1g}'),
      'stack.yml:4:5: services.web.storage_opt: not supported yet; put what grows on a',
    ],
    [webText('network_mode: container:db'), '"container:db" is not supported'],
    [
      webText('networks: [back]'),
      'stack.yml:4:16: services.web.networks[0]: network "back" is not defined; add "back:"',
    ],
    [webText('volumes: ["v:/v"]'), 'volume "v" is not defined'],
    [webText('volumes: ["C:/a:/a"]'), '"C:/a" is a path of Windows'],
    [webText('volumes: ["./a:/a:y"]'), 'unknown volume option "y"'],
    [webText('secrets: [s]'), 'secret "s" is not defined'],
    [webText('configs: [s]'), 'config "s" is not defined'],
    [
      webText('env_file: none.env'),
      'stack.yml:4:15: services.web.env_file: env_file "none.env" not found; make it, or',
    ],
    [webText('depends_on: [db]'), 'service "db" is not defined'],
    [webText('ports: ["x:80"]'), 'invalid port "x:80"'],
    [webText('ports: ["80:80", "80:81"]'), 'port 80 is published twice'],
    [webText('ports: [70000]'), 'invalid port "70000"'],
    [webText('command: echo "a'), 'a quote is not closed'],
    [webText('deploy: {replicas: many}'), '"many" is not a whole number from 0'],
    [webText('deploy: {replicas: 100001}'), '"100001" is not a whole number from 0 to 100000'],
    [
      webText('deploy: {update_config: {monitor: soon}}'),
      'services.web.deploy.update_config.monitor: "soon" is not a duration',
    ],
    [webText('deploy: {update_config: {max_failure_ratio: 1.5}}'), '"1.5" is not a number from 0 to 1'],
    [webText('deploy: {rollback_config: {failure_action: rollback}}'), 'write one of pause, continue'],
    [webText('deploy: {update_config: {order: sideways}}'), 'update_config.order'],
    [webText('deploy: {update_config: {parallelism: -1}}'), '"-1" is not a whole number'],
    [
      webText('deploy: {placement: {constraints: [node.role=worker]}}'),
      'stack.yml:4:40: services.web.deploy.placement.constraints[0]: constraint "node.role=worker" has no operator; write KEY==VALUE',
    ],
    [webText('deploy: {placement: {constraints: [node.size==big]}}'), 'unknown key "node.size"; write one of node.id'],
    [webText('deploy: {placement: {preferences: [spread=node.labels.zone]}}'), 'preferences[0]'],
    [webText('deploy: {placement: {preferences: [{spread: node.id}]}}'), 'tasks can\'t be spread over "node.id"'],
    [webText('deploy: {placement: {preference: []}}'), 'did you mean "preferences"?'],
    [webText('pull_policy: refresh'), 'services.web.pull_policy: "refresh" says not after which time; add'],
    [
      webText('pull_refresh_after: 1h'),
      'services.web.pull_refresh_after: is for "pull_policy: refresh" alone; write that',
    ],
    [
      webText('pull_policy: refresh\npull_refresh_after: often'),
      'services.web.pull_refresh_after: "often" is not a duration',
    ],
    [webText('isolation: hyperv'), 'services.web.isolation: is for Windows containers; remove it'],
    [
      'services:\n  w: {image: x, networks: [n]}\nnetworks:\n  n: {ipam: {options: {a: b}}}\n',
      'networks.n.ipam.options.a: the driver has no options; remove it',
    ],
    [
      webText('pull_policy: build'),
      'services.web.pull_policy: "build" without a build section; add "build", or write missing',
    ],
    [
      webText('platform: linux/arm/v7'),
      'services.web.platform: "linux/arm/v7" is not a platform of nodes; write it as',
    ],
    [webText('deploy: {resources: {reservations: {generic_resources: [{gpu: 1}]}}}'), 'says not how many of what'],
    [
      webText('deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: gpu}}]}}}'),
      'services.web.deploy.resources.reservations.generic_resources[0].discrete_resource_spec: needs a kind and a value',
    ],
    [
      webText('deploy: {resources: {reservations: {devices: [{capabilities: [tpu], count: all}]}}}'),
      'gantryd --node-generic-resource gpu=/dev/dri/renderD128',
    ],
    [webText('x-gantry: {strategy: random}'), 'x-gantry.strategy'],
    [webText('x-gantry: {ingress: none}'), 'x-gantry.ingress'],
    [webText('deploy: {endpoint_mode: dns}'), 'services.web.deploy.endpoint_mode'],
    [webText('x-gantry: {stratgy: spread}'), 'did you mean "strategy"?'],
    [webText('deploy: {mode: replicated-jobs}'), 'unknown mode "replicated-jobs"'],
    [webText('deploy: {mode: global-job, replicas: 2}'), 'does not go with "mode: global-job"'],
    [webText('deploy: {mode: replicated-job}\nrestart: always'), 'a job that is always restarted is never done'],
    [
      webText('deploy: {mode: replicated-job, restart_policy: {condition: any}}'),
      'services.web.deploy.restart_policy: a job that is always restarted is never done',
    ],
    [webText('deploy: {resources: {limits: {memory: lots}}}'), '"lots" is not a size'],
    [webText('healthcheck: {test: [x]}'), 'invalid test'],
    [webText('stop_grace_period: 5'), '"5" is not a duration'],
    [webText('read_only: maybe'), '"maybe" is not true or false'],
    [webText('environment: ["=x"]'), 'has no key'],
    [webText('image2: {'), 'stack.yml:'],
    ['services:\n  web: {}\n', 'has neither image nor build'],
    ['services:\n  web: text\n', 'must be a mapping'],
    [
      'services:\n  web: {image: x}\ninclude: [a]\n',
      'stack.yml:3:11: include[0]: file "a" not found; correct the path',
    ],
    ['services:\n  web: {image: x, user: "${WHO?say who}"}\n', 'required variable WHO is missing a value: say who'],
    ['services:\n  web: {image: !env x}\n', 'stack.yml:2:16: the tag !env is unknown; there are !reset and !override'],
    ['services:\n  web: {image: *nope}\n', 'unknown alias'],
    ['services:\n  w: {image: x, configs: [c]}\nconfigs:\n  c: {file: none}\n', 'file "none" not found'],
    ['services:\n  w: {image: x}\nconfigs:\n  c: {}\n', 'says not where its content is'],
    [
      webText('hostname: "web-{{.Task.Slto}}"'),
      'stack.yml:4:15: services.web.hostname: bad template: <.Task.Slto>: there is no field Slto; there are ID, Name, Slot; mend it, or write {{"{{"}} where {{ is meant',
    ],
    [
      webText('environment:\n  A: fine\n  B: "{{.Node.Name}}"'),
      'stack.yml:6:10: services.web.environment.B: variable B: bad template: <.Node.Name>: there is no field Name',
    ],
    [
      webText('environment: [A=1, "B={{"]'),
      'stack.yml:4:24: services.web.environment[1]: variable B: bad template: unclosed',
    ],
    [webText('volumes: ["/srv/{{.Host}}:/data"]'), 'stack.yml:4:15: services.web.volumes[0]: source: bad template'],
    [webText('volumes: [{type: tmpfs, target: "/t{{.Host}}"}]'), 'services.web.volumes[0]: target: bad template'],
    [
      'services:\n  w: {image: x}\nvolumes:\n  v: {name: "v-{{.Slot}}", labels: {a: "{{.B}}"}}\n',
      'stack.yml:4:13: volumes.v.name: bad template',
    ],
    [
      'services:\n  w: {image: x}\nvolumes:\n  v: {driver_opts: {o: "{{x}}"}}\n',
      'volumes.v.driver_opts.o: bad template',
    ],
    [
      'services:\n  w: {image: x}\nconfigs:\n  c: {content: "{{.Foo}}", template_driver: golang}\n',
      'stack.yml:4:16: configs.c.content: bad template in line 1: <.Foo>: there is no field Foo',
    ],
    [
      'services:\n  w: {image: x}\nconfigs:\n  c: {content: "a", template_driver: jinja}\n',
      'configs.c.template_driver: "jinja" is not allowed here; write one of golang',
    ],
  ])('%j', (text, expected) => {
    expect(refusals(text).join('\n')).toContain(expected);
  });

  it('names the circle of services that depend on each other', () => {
    const text =
      'services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [a]}\n';
    expect(refusals(text)).toEqual([
      'stack.yml:4:30: services.c.depends_on[0]: services depend on each other in a circle: a → b → c → a; remove one of these',
    ]);
  });

  it('lists all problems at once, in the order of the file', () => {
    const lines = refusals('services:\n  a: {image: x, foo: 1}\n  b: {image: x, ports: [zz]}\nbar: 1\n');
    expect(lines.map((line) => line.split(':')[1])).toEqual(['2', '3', '4']);
  });

  it('names the file and line of a bad template, also in other files', () => {
    const config = 'services:\n  w: {image: x}\nconfigs:\n  c: {file: app.conf, template_driver: golang}\n';
    expect(refusals(config, { files: { 'app.conf': 'a=1\nb={{.Task.Nmae}}\n' } })).toEqual([
      'stack.yml:4:13: configs.c.file: bad template in app.conf:2: <.Task.Nmae>: there is no field Nmae; there are ID, Name, Slot; mend it, or remove template_driver',
    ]);
    expect(refusals(webText('env_file: a.env'), { files: { 'a.env': 'A={{.Task}\n' } })).toEqual([
      'stack.yml:4:15: services.web.env_file: variable A: bad template: unclosed action; mend it, or write {{"{{"}} where {{ is meant',
    ]);
  });

  it('names file and line of a bad env_file', () => {
    expect(refusals(webText('env_file: a.env'), { files: { 'a.env': 'A=1\noops!\n' } })).toEqual([
      'a.env:2:1: not KEY=VALUE: "oops!"; write KEY=VALUE lines',
    ]);
  });
});
