/** The rules of ARCHITECTURE.md and docs/style.md that a machine can check. Each check is shown a breach first. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import {
  commentsOf,
  importsOf,
  packageOf,
  repositoryFiles,
  root,
  type SourceFile,
  withoutComments,
  withoutStrings,
} from './helpers/source-files.ts'

const files = repositoryFiles()

interface Check {
  readonly claim: string
  /** What is wrong, one sentence each, beginning with the path. */
  readonly find: (files: readonly SourceFile[]) => readonly string[]
  /** Files that break the rule, each by itself. */
  readonly breaches: { readonly [path: string]: string }
}

function check({ claim, find, breaches }: Check): void {
  test(claim, () => {
    for (const [path, text] of Object.entries(breaches)) {
      const others = files.filter(file => file.path !== path)
      const noticed = find([...others, { path, text }]).filter(problem => problem.startsWith(path))
      assert.ok(noticed.length > 0, `this check does not see what is wrong with ${path}: ${text}`)
    }
    assert.deepEqual(find(files), [])
  })
}

// Which files

const packages = ['protocol', 'sdk', 'node', 'sim', 'console']

function isCode({ path }: SourceFile): boolean {
  return path.endsWith('.ts')
}

/** What is built and shipped, or simulated: not tests, nor the scripts around them. */
function isSource(file: SourceFile): boolean {
  return isCode(file) && packages.includes(packageName(file.path)) && !file.path.endsWith('.test.ts')
}

function packageName(path: string): string {
  return path.split('/')[0] ?? ''
}

/** `lib` of `protocol/src/lib/codec.ts`; empty for files that lie in `src` itself. */
function folderOf(path: string): string {
  const steps = path.split('/')
  return steps[1] === 'src' && steps.length > 3 ? (steps[2] ?? '') : ''
}

/** One sentence for every import of every source that `judge` finds fault with. */
function judgeImports(
  sources: readonly SourceFile[],
  judge: (path: string, specifier: string, target: string | undefined) => string | undefined,
): readonly string[] {
  return sources.flatMap(file =>
    importsOf(file).flatMap(({ specifier, target }) => {
      const fault = judge(file.path, specifier, target)
      return fault === undefined ? [] : [`${file.path} imports ${specifier}: ${fault}`]
    }),
  )
}

// Who may import whom

const packagesBelow: { readonly [name: string]: readonly string[] } = {
  protocol: [],
  sdk: ['protocol'],
  node: ['protocol', 'sdk'],
  sim: ['protocol', 'node'],
  console: ['sdk'],
}

check({
  claim: 'packages import each other by name and in one direction, and nothing that they do not declare',
  find: all =>
    judgeImports(all.filter(isSource), (path, specifier, target) => {
      const own = packageName(path)
      if (target !== undefined) {
        if (packageName(target) !== own) return 'it lies outside the package'
        return target.endsWith('.test.ts') ? 'it is a test' : undefined
      }
      if (specifier.startsWith('node:')) {
        return own === 'node' || own === 'sim' ? undefined : 'the package also runs where there is no Node'
      }
      const name = packageOf(specifier)
      const sibling = name.startsWith('@claw-network/') ? name.slice('@claw-network/'.length) : undefined
      if (sibling !== undefined && !packagesBelow[own]?.includes(sibling)) return 'it is not below'
      return declaredBy(all, own).includes(name) ? undefined : 'it is not in package.json'
    }),
  breaches: {
    'protocol/src/lib/time.ts': "import { hrtime } from 'node:process'",
    'protocol/src/lib/node.ts': "import type { Config } from '@claw-network/node/config/config'",
    'protocol/src/lib/helper.ts': "import { actor } from '../../../test/helpers/actors.ts'",
    'protocol/src/lib/spec.ts': "export { x } from './codec.test.ts'",
    'sdk/src/disk.ts': "const { readFileSync } = await import('node:fs')",
    'sdk/src/chain.ts': "import { Chain } from '../../node/src/chain/chain.ts'",
    'node/src/api/quick.ts': "import express from 'express'",
    'node/src/api/loaded.ts': "const quick = createRequire(import.meta.url)('express')",
    'node/src/chain/cluster.ts': "import {\n  Cluster,\n} from '@claw-network/sim'",
  },
})

const layersBelow: { readonly [layer: string]: readonly string[] } = {
  lib: [],
  crypto: ['lib'],
  consensus: ['lib', 'crypto'],
  // A block carries a commit and evidence: docs/decisions/0001-ledger-on-consensus.md.
  ledger: ['lib', 'crypto', 'consensus'],
  domains: ['lib', 'crypto', 'ledger'],
}
const domainsBelow: { readonly [domain: string]: readonly string[] } = {
  accounts: [],
  identity: ['accounts'],
  escrow: ['accounts', 'identity'],
}

check({
  claim: 'in protocol lib, crypto, consensus, ledger and domains stand on each other in this order',
  find: all =>
    judgeImports(all.filter(isSource), (path, _, target) => {
      const layer = folderOf(path)
      if (packageName(path) !== 'protocol' || layer === '' || target === undefined) return
      const below = folderOf(target)
      return below === layer || layersBelow[layer]?.includes(below) ? undefined : `${layer} does not stand on it`
    }),
  breaches: {
    'protocol/src/lib/keys.ts': "import { publicKey } from '../crypto/keys.ts'",
    'protocol/src/consensus/state.ts': "import type { Header } from '../ledger/block.ts'",
    'protocol/src/domains/accounts/votes.ts': "import { vote } from '../../consensus/messages.ts'",
    'protocol/src/ledger/all.ts': "import { ledger } from '../index.ts'",
    'protocol/src/extra/all.ts': "import { assert } from '../lib/assert.ts'",
  },
})

check({
  claim: 'domains know those that are declared below them, and only through their index.ts',
  find: all =>
    judgeImports(all.filter(isSource), (path, _, target) => {
      const [, , folder, domain = ''] = path.split('/')
      if (folder !== 'domains' || target === undefined || path === 'protocol/src/domains/index.ts') return
      const [, , otherFolder, other = ''] = target.split('/')
      if (otherFolder !== 'domains' || other === domain) return
      if (!domainsBelow[domain]?.includes(other)) return `${domain} does not stand on ${other}`
      return target.endsWith(`/${other}/index.ts`) ? undefined : `it is not ${other}/index.ts`
    }),
  breaches: {
    'protocol/src/domains/accounts/who.ts': "import { identityDomain } from '../identity/index.ts'",
    'protocol/src/domains/identity/rows.ts': "import { accounts } from '../accounts/rows.ts'",
    'protocol/src/domains/zebra/create.ts': "import { pay } from '../accounts/index.ts'",
  },
})

const doorsOfChain = ['node/src/ports.ts', 'node/src/chain-store.ts']

check({
  claim: 'in node, folders do not know each other; chain knows the world through its ports and the store’s interface',
  find: all =>
    judgeImports(all.filter(isSource), (path, specifier, target) => {
      const folder = folderOf(path)
      if (packageName(path) !== 'node' || folder === '') return
      if (folder === 'chain' && specifier.startsWith('node:')) return 'chain has ports for that'
      if (target === undefined) return
      const other = folderOf(target)
      if (other !== '') return other === folder ? undefined : 'it lies in another folder'
      if (target === 'node/src/daemon.ts') return 'the daemon is put together from folders, not the other way'
      return folder === 'chain' && !doorsOfChain.includes(target) ? 'chain has ports for that' : undefined
    }),
  breaches: {
    'node/src/api/peek.ts': "import { Chain } from '../chain/chain.ts'",
    'node/src/store/start.ts': "import { Daemon } from '../daemon.ts'",
    'node/src/chain/clock.ts': "import { machineClock } from '../machine.ts'",
    'node/src/chain/dir.ts': "import { readFileSync } from 'node:fs'",
  },
})

const onlyImporters: readonly (readonly [name: RegExp, path: string])[] = [
  [/^(libp2p$|@libp2p\/|@multiformats\/)/, 'node/src/network/libp2p.ts'],
  [/^classic-level$/, 'node/src/store/database.ts'],
  [/^node:sqlite$/, 'node/src/store/history.ts'],
  [/^sodium-native$/, 'node/src/signatures/ed25519.ts'],
  [/^yaml$/, 'node/src/config/config-file.ts'],
  [/^cborg(\/|$)/, 'protocol/src/lib/codec.ts'],
]

check({
  claim: 'what could be exchanged is imported in one place',
  find: all =>
    judgeImports(all.filter(isSource), (path, specifier) => {
      const only = onlyImporters.find(([name]) => name.test(specifier))?.[1]
      return only === undefined || only === path ? undefined : `only ${only} does`
    }),
  breaches: {
    'node/src/network/dial.ts': "import { multiaddr } from '@multiformats/multiaddr'",
    'node/src/network/gossip.ts': "import type { GossipSub } from '@libp2p/gossipsub'",
    'node/src/api/rows.ts': "import { DatabaseSync } from 'node:sqlite'",
    'node/src/store/other.ts': "import { ClassicLevel } from 'classic-level'",
  },
})

// Shape

check({
  claim: 'no file or folder is named after what its contents have in common with everything else',
  find: all =>
    all
      .filter(({ path }) => !path.startsWith('test/helpers/'))
      .filter(({ path }) =>
        path
          .split('/')
          .some(step => /^(utils?|common|helpers?|types?|constants?|managers?|services?)(\.|$)/.test(step)),
      )
      .map(({ path }) => `${path}: say what is in it`),
  breaches: { 'node/src/utils/a.ts': '', 'sdk/src/types.ts': '', 'protocol/src/ledger/constants.test.ts': '' },
})

const linesMax = 450

check({
  claim: `no source is longer than ${linesMax} lines, no test much longer`,
  find: all =>
    all.filter(isCode).flatMap(file => {
      const lines = file.text.split('\n').length - 1
      const max = isSource(file) ? linesMax : 1.5 * linesMax
      return lines > max ? [`${file.path} has ${lines} lines: split it by subject`] : []
    }),
  breaches: { 'node/src/long.ts': '\n'.repeat(linesMax + 1), 'node/src/long.test.ts': '\n'.repeat(2 * linesMax) },
})

check({
  claim: 'only index files of packages and domains list what others export, name by name; there are no default exports',
  find: all =>
    all.filter(isCode).flatMap(({ path, text }) => {
      const code = withoutStrings(text)
      const isIndex = /^(\w+\/src|protocol\/src\/domains\/[\w-]+)\/index\.ts$/.test(path)
      return [
        ...(/\bexport\s+default\b/.test(code) ? [`${path} has a default export`] : []),
        ...(/\bexport\s*\*/.test(code) ? [`${path} exports all of another file`] : []),
        ...(!isIndex && /\bexport\s+(type\s+)?\{[^}]*\}\s*from\b/.test(code) ? [`${path} passes exports on`] : []),
      ]
    }),
  breaches: {
    'node/src/api/index.ts': "export { ApiServer } from './server.ts'",
    'sdk/src/index.ts': "export * from './client.ts'",
    'sdk/src/client.ts': 'export default class Client {}',
    'protocol/src/domains/accounts/rows.ts': "export type {\n  Address\n} from '../../crypto/keys.ts'",
  },
})

check({
  claim: 'nothing is left to do later, and no rule is switched off without a reason',
  find: all =>
    all.filter(isCode).flatMap(file => {
      const comments = commentsOf(file.text)
      const isTypeTest = file.path.endsWith('.test.ts')
      return [
        ...(/\b(TODO|FIXME|XXX|HACK)\b/.test(comments) ? [`${file.path} leaves something to do`] : []),
        ...(/@ts-(ignore|nocheck)/.test(comments) ? [`${file.path} switches types off`] : []),
        ...(!isTypeTest && /@ts-expect-error/.test(comments) ? [`${file.path} expects a type error`] : []),
        ...(/(oxlint|eslint)-disable(?!.* -- \S)|biome-ignore/.test(comments) ? [`${file.path} gives no reason`] : []),
        ...(isSource(file) && /\b(as|:|<)\s*any\b/.test(withoutStrings(file.text)) ? [`${file.path} uses any`] : []),
      ]
    }),
  breaches: {
    'node/src/later.ts': '// TODO: later',
    'node/src/wrong.ts': '// @ts-ignore\nconst a: number = ""',
    'node/src/loose.ts': 'const a = b as any',
    'node/src/hidden.ts': '// @ts-expect-error\nconst a: number = ""',
    'test/e2e/quiet.test.ts': '// oxlint-disable-next-line no-console\nconsole.log()',
  },
})

check({
  claim: 'only the command line and the tools around it write to the console',
  find: all =>
    all
      .filter(isSource)
      .filter(({ path }) => !path.startsWith('node/src/cli/') && path !== 'sim/src/main.ts')
      .filter(({ text }) => /\bconsole\s*\./.test(withoutComments(text)))
      .map(({ path }) => `${path} has a log for that`),
  breaches: { 'node/src/chain/loud.ts': 'console.log(1)', 'sdk/src/loud.ts': 'console\n  .error(1)' },
})

check({
  claim: 'every table of the state has a name of its own',
  find: all => {
    const named = all
      .filter(file => isSource(file) && file.path.startsWith('protocol/'))
      .flatMap(({ path, text }) =>
        [...withoutComments(text).matchAll(/\btable\(\s*'([^']+)'/g)].map(match => ({ path, name: match[1] })),
      )
    return named
      .filter(({ name }, index) => named.findIndex(other => other.name === name) < index)
      .map(({ path, name }) => `${path} has a second table ${name}`)
  },
  breaches: { 'protocol/src/domains/zebra/rows.ts': "const accounts = table('accounts', address, account)" },
})

// Dependencies

check({
  claim: 'every dependency is pinned exactly and has its line in docs/dependencies.md',
  find: all => {
    const explained = all.find(({ path }) => path === 'docs/dependencies.md')?.text ?? ''
    return manifests(all).flatMap(({ path, versions }) =>
      versions.flatMap(([name, version]) => [
        ...(/^\d+\.\d+\.\d+$/.test(version) ? [] : [`${path} does not pin ${name}`]),
        ...(name.startsWith('@claw-network/') || explained.includes(`\`${name}\``) ? [] : [`${path}: why ${name}?`]),
      ]),
    )
  },
  breaches: {
    'sdk/package.json': '{ "dependencies": { "cborg": "^6.1.5" } }',
    'sim/package.json': '{ "devDependencies": { "left-pad": "1.3.0" } }',
  },
})

function manifests(all: readonly SourceFile[]): readonly { path: string; versions: [string, string][] }[] {
  return all
    .filter(({ path }) => /^([\w-]+\/)?package\.json$/.test(path))
    .map(({ path, text }) => {
      const manifest = JSON.parse(text) as { [field: string]: Record<string, string> | undefined }
      const fields = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
      return { path, versions: fields.flatMap(field => Object.entries(manifest[field] ?? {})) }
    })
}

function declaredBy(all: readonly SourceFile[], name: string): readonly string[] {
  const manifest = manifests(all).find(({ path }) => path === `${name}/package.json`)
  return manifest?.versions.map(([dependency]) => dependency) ?? []
}

// Documents

const specifications: { readonly [letter: string]: string } = {
  C: 'docs/spec/consensus.md',
  E: 'docs/spec/encoding.md',
  K: 'docs/spec/keystore.md',
  L: 'docs/spec/ledger.md',
  N: 'docs/spec/network.md',
  T: 'docs/spec/state-tree.md',
}
/** The last line of Algorithm 1, which the consensus core and what tests it cite as L1 and on. */
const algorithmLines = 67
const citesAlgorithm = /^(protocol\/src\/consensus\/|sim\/|test\/helpers\/consensus-script|docs\/spec\/consensus\.md)/

function rulesOf({ text }: SourceFile): readonly string[] {
  return [...text.matchAll(/^- \*\*([A-Z]\d+)\*\*/gm)].map(match => match[1] ?? '')
}

check({
  claim: 'every rule that is cited exists in its specification',
  find: all => {
    const rules = new Set(all.filter(({ path }) => path.startsWith('docs/spec/')).flatMap(rulesOf))
    return all
      .filter(file => isCode(file) || /^docs\/(spec|decisions)\//.test(file.path))
      .flatMap(({ path, text }) => {
        const prose = path.endsWith('.md') ? text : commentsOf(text)
        return [...new Set(prose.match(/(?<![\w.\-/])[CEKLNT][1-9]\d?(?![\w-])/g))]
          .filter(cited => !rules.has(cited))
          .filter(cited => !isAlgorithmLine(path, cited))
          .map(cited => `${path} cites ${cited}, which ${specifications[cited[0] ?? '']} does not have`)
      })
  },
  breaches: {
    'node/src/chain/a.ts': '// E99 says so',
    'protocol/src/ledger/b.ts': '/** L66 */',
    'protocol/src/consensus/c.ts': '// L68',
    'docs/decisions/9999-x.md': 'as C99 says',
  },
})

function isAlgorithmLine(path: string, cited: string): boolean {
  return cited.startsWith('L') && citesAlgorithm.test(path) && Number(cited.slice(1)) <= algorithmLines
}

check({
  claim: 'each specification numbers its rules by its own letter, upwards and once',
  find: all =>
    all
      .filter(({ path }) => path.startsWith('docs/spec/'))
      .flatMap(file => {
        const rules = rulesOf(file)
        return rules
          .filter((rule, index) => {
            const before = rules[index - 1]
            const isUpwards = before === undefined || Number(before.slice(1)) < Number(rule.slice(1))
            return specifications[rule[0] ?? ''] !== file.path || !isUpwards
          })
          .map(rule => `${file.path}: ${rule} is out of order`)
      }),
  breaches: {
    'docs/spec/encoding.md': '- **E2** b\n- **E1** a',
    'docs/spec/ledger.md': '- **L1** a\n- **L1** b',
    'docs/spec/network.md': '- **K1** a',
  },
})

check({
  claim: 'relative links of documents lead to a file',
  find: all =>
    all
      .filter(({ path }) => path.endsWith('.md'))
      .flatMap(({ path, text }) =>
        [...withoutCodeBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)]
          .map(match => match[1] ?? '')
          .filter(link => !/^([a-z]+:|#)/.test(link))
          .filter(link => !existsSync(join(root, path, '..', link.replace(/#.*$/, ''))))
          .map(link => `${path} links to ${link}`),
      ),
  breaches: { 'docs/nowhere.md': 'see [there](there.md#x)', 'docs/spec/up.md': '[up](../../no/file.ts)' },
})

check({
  claim: 'every decision has a number of its own',
  find: all => {
    const decisions = all.map(({ path }) => path).filter(path => path.startsWith('docs/decisions/'))
    const number = (path: string): string => path.slice('docs/decisions/'.length).slice(0, 5)
    return decisions
      .filter(
        path => !/^\d{4}-$/.test(number(path)) || decisions.filter(other => number(other) === number(path)).length > 1,
      )
      .map(path => `${path}: take the next number`)
  },
  breaches: { 'docs/decisions/why.md': '', 'docs/decisions/0001-again.md': '' },
})

function withoutCodeBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')
}
