import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { afterEach, beforeEach } from 'node:test'
import fc from 'fast-check'
import { type Config, ConfigError, effectiveSettings, loadConfig, placeIn, type Surroundings } from './config.ts'
import { renderConfigFile } from './config-file.ts'
import { daemonHelp, parseDaemonFlags } from './daemon-flags.ts'
import { renderConfigReference } from './reference.ts'
import { environmentName, type SettingKey, settingKeys, settingOf } from './settings.ts'

// The example of the description that the project began with, word for word.
const seedFile = `# ~/.clawnet/config.yaml

# 网络
network: mainnet  # mainnet / testnet / local

# P2P
p2p:
  port: 9527
  bootstrap:
    # 可替换为社区/自托管节点；也可留空并手动添加 peers
    - /ip4/bootstrap1.community.example/tcp/9527/p2p/Qm...
    - /ip4/bootstrap2.community.example/tcp/9527/p2p/Qm...

# 本地 API
api:
  enabled: true
  host: 127.0.0.1  # 只监听本地
  port: 9528
  token: null      # API Token (可选)

# 节点类型
node:
  type: light      # light / full
  dataDir: ~/.clawnet/data

# 安全限制
limits:
  maxTransferPerTx: 1000
  maxTransferPerDay: 10000

# 日志
logging:
  level: info
  file: ~/.clawnet/logs/node.log
`

let directory: string
let home: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'clawnet-config-'))
  home = join(directory, '.clawnet')
  writeConfig.path = ''
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Writes a file into the test's directory and answers its path. */
function writeFile(name: string, text: string, mode = 0o600): string {
  const path = join(directory, name)
  writeFileSync(path, text, { mode })
  return path
}

/** The config.yaml of the test, outside the home so that flags name it. */
function writeConfig(text: string): void {
  writeConfig.path = writeFile('config.yaml', text)
}
writeConfig.path = ''

function around(environment: Surroundings['environment'] = {}): Surroundings {
  return { environment, userHome: directory, workingDirectory: '/work', hasIpv6: true }
}

function load(argv: readonly string[] = [], environment: Surroundings['environment'] = {}): Config {
  const surroundings = around(environment)
  const withFile = writeConfig.path === '' ? argv : ['--config', writeConfig.path, ...argv]
  return loadConfig(surroundings, parseDaemonFlags(withFile, placeIn(surroundings)))
}

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.problems
  }
  return []
}

const originsOf = (config: Config): Record<string, string> =>
  Object.fromEntries(effectiveSettings(config).map(({ key, origin }) => [key, origin]))

test('without file, environment and flags there are the defaults', () => {
  const { values, home: where, warnings } = load()
  assert.equal(where, home)
  assert.deepEqual(warnings, [])
  assert.deepEqual(values, {
    network: 'mainnet',
    'p2p.port': 9527,
    'p2p.listen': ['/ip4/0.0.0.0/tcp/9527', '/ip6/::/tcp/9527'],
    'p2p.bootstrap': [],
    'p2p.mdns': false,
    'p2p.announce': [],
    'p2p.upnp': true,
    'p2p.relay': true,
    'api.enabled': true,
    'api.host': '127.0.0.1',
    'api.port': 9528,
    'api.hostNames': [],
    'api.token': null,
    'api.tokenFile': null,
    'api.readonly': false,
    'node.type': 'full',
    'node.dataDir': join(home, 'data'),
    'node.genesis': join(home, 'genesis.json'),
    'node.passphraseFile': null,
    'limits.maxTransferPerTx': 1000n,
    'limits.maxTransferPerDay': 10_000n,
    'logging.level': 'info',
    'logging.file': join(home, 'logs', 'node.log'),
  })
})

test("the seed's example file is taken word for word; its placeholder addresses are skipped and said", () => {
  writeConfig(seedFile)
  const config = load()
  assert.equal(config.values['node.type'], 'light')
  assert.equal(config.values['node.dataDir'], join(home, 'data'))
  assert.deepEqual(config.values['p2p.bootstrap'], [])
  assert.equal(config.warnings.length, 2)
  assert.match(
    config.warnings[0]!,
    /^p2p\.bootstrap: .*bootstrap1\.community\.example.* is an example and is skipped: replace it/,
  )
  assert.equal(originsOf(config)['limits.maxTransferPerDay'], `${writeConfig.path}:29`)
})

test('every setting of the seed exists under its name', () => {
  const seedKeys =
    'network p2p.port p2p.bootstrap api.enabled api.host api.port api.token node.type node.dataDir limits.maxTransferPerTx limits.maxTransferPerDay logging.level logging.file'
  for (const key of seedKeys.split(' ')) assert.ok(settingKeys.includes(key as SettingKey), key)
})

test('flags win over the environment, that over the file, that over the defaults; each value knows whence', () => {
  writeConfig('network: local\napi:\n  port: 1001\n  host: 127.0.0.2\nlogging:\n  level: debug\n')
  const config = load(['--api-port', '1003'], { CLAWNET_API_PORT: '1002', CLAWNET_LOGGING_LEVEL: 'warn' })
  const picked = effectiveSettings(config).filter(({ origin }) => origin !== 'default')
  assert.deepEqual(picked, [
    { key: 'network', value: 'local', origin: `${writeConfig.path}:1` },
    { key: 'api.host', value: '127.0.0.2', origin: `${writeConfig.path}:4` },
    { key: 'api.port', value: 1003, origin: 'flag --api-port' },
    { key: 'logging.level', value: 'warn', origin: 'environment CLAWNET_LOGGING_LEVEL' },
  ])
})

test('CLAWNET_HOME moves everything, what the file says of ~/.clawnet included', () => {
  writeConfig(seedFile)
  const moved = load([], { CLAWNET_HOME: join(directory, 'elsewhere') })
  assert.equal(moved.home, join(directory, 'elsewhere'))
  assert.equal(moved.values['node.dataDir'], join(directory, 'elsewhere', 'data'))
  assert.equal(moved.values['logging.file'], join(directory, 'elsewhere', 'logs', 'node.log'))
  assert.equal(moved.values['node.genesis'], join(directory, 'elsewhere', 'genesis.json'))
  assert.equal(load([], { CLAWNET_HOME: '' }).home, home)
  assert.equal(load([], { CLAWNET_HOME: 'here' }).home, '/work/here')
})

test('config.yaml is looked for in the home, wherever that is', () => {
  writeFile('config.yaml', 'network: testnet')
  assert.equal(load([], { CLAWNET_HOME: directory }).values.network, 'testnet')
  assert.equal(load([], { CLAWNET_HOME: join(directory, 'empty') }).values.network, 'mainnet')
})

test('a file that was asked for must be there', () => {
  assert.deepEqual(
    problemsOf(() => load(['--config', '/nowhere/c.yaml'])),
    ['/nowhere/c.yaml cannot be read: there is no such file'],
  )
})

test('paths in the file start from its directory, in flags from the working directory', () => {
  writeConfig('node:\n  dataDir: here\n')
  assert.equal(load().values['node.dataDir'], join(directory, 'here'))
  assert.equal(load(['--data-dir', 'here']).values['node.dataDir'], '/work/here')
})

test('all that is wrong with a file is said at once, by line, with what was meant', () => {
  writeConfig(
    [
      'netwrk: mainnet',
      'p2p:',
      '  prt: 1',
      '  port: "9527"',
      '  listen: [/ip4/300.1.1.1/tcp/9]',
      'api.port: 7',
      'api: 5',
      'node:',
      '  type: tiny',
      '  dataDir:',
      'logging:',
      '  colour: red',
      'dataDir: x',
      'whatever: 1',
    ].join('\n'),
  )
  assert.deepEqual(
    problemsOf(load).map(problem => problem.replace(writeConfig.path, '')),
    [
      ':1: netwrk is not a setting; did you mean network?',
      ':3: p2p.prt is not a setting; did you mean p2p.port?',
      ':4: p2p.port must be an integer from 0 to 65535, not the text "9527"',
      ':5: p2p.listen[0] must be an address like /ip4/0.0.0.0/tcp/9527, not the text "/ip4/300.1.1.1/tcp/9"',
      ':6: api.port is written with a dot: write its section and, indented below, the setting',
      ':7: api is a section: write its settings below it, indented (enabled, host, port, hostNames, token, tokenFile, readonly)',
      ':9: node.type must be full or light, not the text "tiny"',
      ':10: node.dataDir must be a path, not empty',
      ':12: logging.colour is not a setting; in logging there are level, file',
      ':13: dataDir is not a setting; did you mean node.dataDir?',
      ':14: whatever is not a setting; there are network, p2p, api, node, limits, logging',
    ],
  )
})

test('broken YAML is named by its line', () => {
  for (const [text, problem] of [
    ['network: [\n', /:2: flow sequence/],
    ['\tnetwork: local\n', /:1: tabs are not allowed/],
    ['network: local\nnetwork: local\n', /:2: the same name stands twice in one section: keep one$/],
    ['network: local\n---\nnetwork: local\n', /:2: source contains multiple documents/],
    ['- a\n', /:1: there must be settings such as "network: mainnet"/],
    ['hello', /:1: there must be settings such as "network: mainnet"/],
    ['network: *x\n', /:1: network: Unresolved alias/],
  ] as const) {
    writeConfig(text)
    const problems = problemsOf(load)
    assert.equal(problems.length, 1, text)
    assert.match(problems[0]!, problem)
  }
})

test('an empty file, section or list is no mistake', () => {
  for (const text of ['', '# nothing\n', 'p2p:\n', 'p2p:\n  bootstrap:\n']) {
    writeConfig(text)
    assert.deepEqual(problemsOf(load), [], text)
  }
})

test('a wrong variable is named; an empty one is none; a mistyped one is guessed at', () => {
  assert.deepEqual(
    problemsOf(() => load([], { CLAWNET_API_PORT: 'x', CLAWNET_P2P_LISTEN: 'y' })),
    [
      'CLAWNET_P2P_LISTEN[0] must be an address like /ip4/0.0.0.0/tcp/9527, not the text "y"',
      'CLAWNET_API_PORT must be an integer from 0 to 65535, not the text "x"',
    ],
  )
  assert.deepEqual(load([], { CLAWNET_API_PORT: '' }).warnings, [])
  assert.deepEqual(
    load([], {
      CLAWNET_P2P_PROT: '1',
      CLAWNET_HOME: home,
      CLAWNET_API: 'http://x',
      CLAWNET_TOKEN_FILE: 'x',
      CLAWNET_SOMETHING_ELSE: '1',
    }).warnings,
    ['CLAWNET_P2P_PROT is not a setting and does nothing; did you mean CLAWNET_P2P_PORT?'],
  )
})

test('an API that other machines reach needs a token', () => {
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'node.example', '127.0.0.1.example', '1270.0.0.1']) {
    const [problem, ...more] = problemsOf(() => load(['--api-host', host]))
    assert.match(
      problem!,
      /^api\.host is .* \(flag --api-host\), which other machines can reach, and there is no api\.token: /,
      host,
    )
    assert.deepEqual(more, [])
    assert.deepEqual(
      problemsOf(() => load(['--api-host', host, '--no-api'])),
      [],
    )
    assert.deepEqual(
      problemsOf(() => load(['--api-host', host], { CLAWNET_API_TOKEN: 'secret' })),
      [],
    )
  }
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
    assert.deepEqual(
      problemsOf(() => load(['--api-host', host])),
      [],
      host,
    )
  }
})

test('the two ports differ, unless they are free ones or there is no API', () => {
  assert.deepEqual(
    problemsOf(() => load(['--api-port', '9527'])),
    ['p2p.port and api.port are both 9527: give one of them another port'],
  )
  assert.deepEqual(
    problemsOf(() => load(['--listen', '/ip4/127.0.0.1/tcp/9528'])),
    ['p2p.listen and api.port are both 9528: give one of them another port'],
  )
  assert.deepEqual(
    problemsOf(() => load(['--api-port', '9527', '--no-api'])),
    [],
  )
  assert.deepEqual(
    problemsOf(() => load(['--api-port', '0', '--listen', '/ip4/127.0.0.1/tcp/0'])),
    [],
  )
})

test('a local network listens on this machine alone and looks around, unless told otherwise', () => {
  const { values } = load(['--network', 'local'], { CLAWNET_P2P_PORT: '7000' })
  assert.deepEqual(values['p2p.listen'], ['/ip4/127.0.0.1/tcp/7000'])
  assert.equal(values['p2p.mdns'], true)
  assert.equal(load(['--network', 'local'], { CLAWNET_P2P_MDNS: 'false' }).values['p2p.mdns'], false)
})

test('a machine without IPv6 does not listen there', () => {
  assert.deepEqual(loadConfig({ ...around(), hasIpv6: false }).values['p2p.listen'], ['/ip4/0.0.0.0/tcp/9527'])
})

test('the token is the one in its file, read where it was said more strongly', () => {
  const file = writeFile('token', ' from-file \n')
  assert.equal(load(['--api-token-file', file]).values['api.token'], 'from-file')
  assert.equal(
    load(['--api-token-file', file], { CLAWNET_API_TOKEN: 'from-environment' }).values['api.token'],
    'from-file',
  )
  const weaker = load(['--api-token', 'from-flag'], { CLAWNET_API_TOKEN_FILE: file })
  assert.equal(weaker.values['api.token'], 'from-flag')
  assert.deepEqual(
    problemsOf(() => load(['--api-token', 'a', '--api-token-file', file])),
    ['api.token and api.tokenFile are both set: keep one'],
  )
  assert.match(
    problemsOf(() => load(['--api-token-file', writeFile('empty', '\n')]))[0]!,
    /empty is empty: write the token into it$/,
  )
  assert.match(
    problemsOf(() => load(['--api-token-file', '/nowhere']))[0]!,
    /^api\.tokenFile: \/nowhere cannot be read: /,
  )
})

test('a token is never shown, and what exposes it is said', () => {
  writeConfig.path = writeFile('config.yaml', 'api:\n  token: hunter2\n', 0o644)
  const config = load()
  assert.deepEqual(config.warnings, [
    `${writeConfig.path}:2: other users of this machine can read api.token: run "chmod 600 ${writeConfig.path}"`,
  ])
  assert.ok(!JSON.stringify(effectiveSettings(config)).includes('hunter2'))
  writeConfig.path = writeFile('public.yaml', 'api:\n  token: null\n', 0o644)
  assert.deepEqual(load().warnings, [])
  assert.match(load(['--api-token=x']).warnings.at(-1)!, /^--api-token shows the token to every user/)
})

test('a limit per transaction above that per day is pointed out', () => {
  assert.match(
    load(['--max-transfer', '20000']).warnings[0]!,
    /^limits\.maxTransferPerTx is 20000, but limits\.maxTransferPerDay allows 10000/,
  )
  assert.deepEqual(load(['--max-transfer=none']).warnings, [])
  assert.deepEqual(load(['--max-transfer=10000']).warnings, [])
  assert.equal(load(['--max-transfer=none']).values['limits.maxTransferPerTx'], null)
})

test('the written config.yaml gives the defaults again, and what was chosen', () => {
  writeConfig(renderConfigFile({}))
  const written = load()
  writeConfig.path = ''
  assert.deepEqual(written.values, load().values)

  writeConfig(
    renderConfigFile({ network: 'local', 'p2p.bootstrap': ['/ip4/1.2.3.4/tcp/1'], 'limits.maxTransferPerTx': null }),
  )
  const { values } = load()
  assert.equal(values.network, 'local')
  assert.deepEqual(values['p2p.bootstrap'], ['/ip4/1.2.3.4/tcp/1'])
  assert.equal(values['limits.maxTransferPerTx'], null)
})

test('the written config.yaml explains every setting, and its settings can all be set by environment', () => {
  const text = renderConfigFile({})
  for (const key of settingKeys) {
    assert.ok(text.includes(`# ${settingOf(key).doc}`), key)
    assert.match(environmentName(key), /^CLAWNET(_[A-Z0-9]+)+$/)
  }
  assert.equal(environmentName('limits.maxTransferPerTx'), 'CLAWNET_LIMITS_MAX_TRANSFER_PER_TX')
  assert.equal(new Set(settingKeys.map(environmentName)).size, settingKeys.length)
})

test('reference and help name every setting and flag', () => {
  const [reference, help] = [renderConfigReference(), daemonHelp()]
  for (const key of settingKeys) {
    assert.ok(reference.includes(`\n## ${key}\n\n${settingOf(key).doc}`), key)
    assert.ok(reference.includes(`\`${environmentName(key)}\``), key)
    const { flag } = settingOf(key)
    if (flag !== undefined)
      assert.ok(help.includes(`  ${flag.name} `) && reference.includes(`\`${flag.name}`), flag.name)
  }
})

test('whatever a file says, there is a configuration or a list of problems', () => {
  const word = fc.constantFrom(
    ...settingKeys.flatMap(key => key.split('.')),
    'x',
    '1',
    'null',
    '[',
    '- a',
    '"q"',
    '&a',
    '*a',
    '!!binary x',
    '? k',
  )
  const line = fc
    .tuple(fc.nat({ max: 3 }), word, fc.constantFrom(':', ': ', ''), word)
    .map(([indent, a, colon, b]) => ' '.repeat(indent) + a + colon + b)
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), lines => {
      writeConfig(lines.join('\n'))
      for (const problem of problemsOf(load)) assert.match(problem, /:\d+: |^(api|p2p)\./)
    }),
    { numRuns: 300 },
  )
})
