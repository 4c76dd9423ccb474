import assert from 'node:assert/strict'
import test from 'node:test'
import { type DaemonFlags, parseDaemonFlags, UsageError } from './daemon-flags.ts'

const place = { home: '/srv/claw', userHome: '/home/ada', directory: '/work' }
const parse = (...argv: string[]): DaemonFlags => parseDaemonFlags(argv, place)
const valuesOf = ({ settings }: DaemonFlags): Record<string, unknown> =>
  Object.fromEntries([...settings].map(([key, { value }]) => [key, value]))

test('without flags the daemon runs, in the background, with no setting of its own', () => {
  assert.deepEqual(parse(), { action: 'run', foreground: false, settings: new Map() })
})

test('every flag of the daemon sets what it says', () => {
  const flags = parse(
    ...'--no-api --light --network local --genesis g.json --data-dir d --config c.yaml --listen /ip4/127.0.0.1/tcp/1'.split(
      ' ',
    ),
    ...'--listen /ip4/127.0.0.1/tcp/2 --bootstrap /ip4/127.0.0.1/tcp/3 --api-host ::1 --api-port 4 --api-token=my-secret'.split(
      ' ',
    ),
    ...'--api-token-file t --api-readonly --max-transfer=100 --log-level debug --foreground --passphrase-file p'.split(
      ' ',
    ),
  )
  assert.equal(flags.foreground, true)
  assert.equal(flags.configFile, 'c.yaml')
  assert.deepEqual(valuesOf(flags), {
    network: 'local',
    'p2p.listen': ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'],
    'p2p.bootstrap': ['/ip4/127.0.0.1/tcp/3'],
    'api.enabled': false,
    'api.host': '::1',
    'api.port': 4,
    'api.token': 'my-secret',
    'api.tokenFile': '/work/t',
    'api.readonly': true,
    'node.type': 'light',
    'node.dataDir': '/work/d',
    'node.genesis': '/work/g.json',
    'node.passphraseFile': '/work/p',
    'limits.maxTransferPerTx': 100n,
    'logging.level': 'debug',
  })
})

test('help wins over version, that over checking, that over running', () => {
  assert.equal(parse('--check-config').action, 'check-config')
  assert.equal(parse('--check-config', '--version').action, 'version')
  assert.equal(parse('-V', '-h').action, 'help')
})

test('a wrong command line is answered with what to write', () => {
  for (const [argv, problem] of [
    [['--netwrk', 'local'], '--netwrk is not a flag of clawnetd; did you mean --network?'],
    [['--frobnicate'], '--frobnicate is not a flag of clawnetd; "clawnetd --help" lists them'],
    [['-x'], '"-x" is none'],
    [['start'], 'clawnetd takes flags only, and "start" is none; for commands to a running node see "clawnet --help"'],
    [['--network'], '--network needs a value: --network NAME'],
    [['--network', '--light'], '--network needs a value: --network NAME'],
    [['--network', 'moon'], '--network must be mainnet, testnet or local, not the text "moon"'],
    [['--api-port=80 '], '--api-port must be an integer from 0 to 65535, not the text "80 "'],
    [['--listen', '/ip4/127.0.0.1/tcp/1', '--listen', 'x'], '--listen[1] must be an address like'],
    [['--light=yes'], '--light stands alone: write it without "=yes"'],
    [['--api-port', '1', '--api-port', '2'], '--api-port is given twice: keep one'],
    [['--max-transfer', '-5'], '--max-transfer must be an integer from 0'],
    [['--passphrase', 'x'], 'put it in a file and use --passphrase-file FILE'],
    [['--passphrase=x'], 'put it in a file and use --passphrase-file FILE'],
  ] as const) {
    assert.throws(
      () => parse(...argv),
      (error: unknown) =>
        error instanceof UsageError && error.message.includes(problem) && !error.message.includes('=x'),
      argv.join(' '),
    )
  }
})
