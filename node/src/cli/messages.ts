/** Every sentence the command line says in more than one language, side by side. */
import { agentMessages } from './agent-messages.ts'
import { identityMessages } from './identity-messages.ts'
import { valueMessages } from './value-messages.ts'
import { row } from './bilingual.ts'

export const languages = ['en', 'zh'] as const
export type Language = (typeof languages)[number]

/** `--lang`, else the first of LC_ALL, LC_MESSAGES and LANG that says something. */
export function languageOf(
  named: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Language {
  const locale = named ?? [environment['LC_ALL'], environment['LC_MESSAGES'], environment['LANG']].find(value => value)
  return locale?.toLowerCase().startsWith('zh') === true ? 'zh' : 'en'
}

export type Messages = { readonly [K in keyof typeof table]: (typeof table)[K]['en'] }

export function messagesIn(language: Language): Messages {
  return Object.fromEntries(Object.entries(table).map(([name, row]) => [name, row[language]])) as Messages
}

const table = {
  ...identityMessages,
  ...agentMessages,
  ...valueMessages,
  // The command line itself
  commandUnknown: row(
    (word: string, suggestion?: string) =>
      `there is no command "${word}"${suggestion ? `; did you mean "clawnet ${suggestion}"?` : '; "clawnet help" lists them'}`,
    (word, suggestion) =>
      `没有 "${word}" 命令${suggestion ? `，您是想用 "clawnet ${suggestion}" 吗？` : '，"clawnet help" 列出所有命令'}`,
  ),
  optionUnknown: row(
    (flag: string, suggestion?: string) => `unknown option ${flag}${suggestion ? `; did you mean ${suggestion}?` : ''}`,
    (flag, suggestion) => `未知选项 ${flag}${suggestion ? `，您是想用 ${suggestion} 吗？` : ''}`,
  ),
  optionNotHere: row(
    (flag: string, command: string) => `"clawnet ${command}" has no option ${flag}: see "clawnet help ${command}"`,
    (flag, command) => `"clawnet ${command}" 没有选项 ${flag}，参见 "clawnet help ${command}"`,
  ),
  optionTakesNoValue: row(
    (flag: string) => `${flag} takes no value`,
    flag => `${flag} 不带值`,
  ),
  optionNeedsValue: row(
    (flag: string, value: string) => `${flag} needs a value: ${flag} ${value}`,
    (flag, value) => `${flag} 需要一个值：${flag} ${value}`,
  ),
  optionGivenTwice: row(
    (flag: string) => `${flag} is given twice`,
    flag => `${flag} 重复出现`,
  ),
  optionRequired: row(
    (flag: string) => `${flag} is missing`,
    flag => `缺少 ${flag}`,
  ),
  optionsExclude: row(
    (flags: string) => `give only one of ${flags}`,
    flags => `${flags} 只能用一个`,
  ),
  argumentMissing: row(
    (name: string, usage: string) => `<${name}> is missing: clawnet ${usage}`,
    (name, usage) => `缺少 <${name}>：clawnet ${usage}`,
  ),
  argumentTooMany: row(
    (word: string, usage: string) => `"${word}" is one argument too many: clawnet ${usage}`,
    (word, usage) => `多了一个参数 "${word}"：clawnet ${usage}`,
  ),
  cannotRead: row(
    (path: string, reason: string) => `cannot read ${path}: ${reason}`,
    (path, reason) => `无法读取 ${path}：${reason}`,
  ),

  cannotWrite: row(
    (path: string, reason: string) => `cannot write ${path}: ${reason}`,
    (path, reason) => `无法写入 ${path}：${reason}`,
  ),

  // Secrets
  passphraseOnCommandLine: row(
    () =>
      'a passphrase on the command line can be read by every user of this machine and stays in the shell history: leave it out to be asked, or use --passphrase-file, --passphrase-fd or --passphrase-stdin',
    () =>
      '命令行上的口令会被本机所有用户看到，并留在 shell 历史中：不写即可在提示时输入，或使用 --passphrase-file、--passphrase-fd、--passphrase-stdin',
  ),
  passphraseNeeded: row(
    () =>
      'a passphrase is needed and nobody can be asked here: use --passphrase-file, --passphrase-fd or --passphrase-stdin',
    () => '需要口令，但此处无法提示输入：请使用 --passphrase-file、--passphrase-fd 或 --passphrase-stdin',
  ),
  passphraseIsEmpty: row(
    () => 'the passphrase is empty',
    () => '口令为空',
  ),
  passphrasePrompt: row(
    () => 'Passphrase: ',
    () => '口令：',
  ),
  newPassphrasePrompt: row(
    () => 'New passphrase (it encrypts the keys on this machine): ',
    () => '设置口令（用于加密本机上的私钥）：',
  ),
  passphraseAgainPrompt: row(
    () => 'The same passphrase again: ',
    () => '再次输入口令：',
  ),
  passphrasesDiffer: row(
    () => 'The two differ; once more.',
    () => '两次输入不一致，请重新输入。',
  ),
  wordsPrompt: row(
    () => 'The 24 words, separated by spaces: ',
    () => '24 个助记词，用空格分隔：',
  ),
  wordsNeeded: row(
    () => 'the 24 words are asked for on a terminal only; otherwise use --mnemonic-fd',
    () => '24 个助记词只能在终端上输入，否则请使用 --mnemonic-fd',
  ),
  wordsNeedTerminal: row(
    () =>
      'the 24 words are shown on a terminal only, and there is none: use --mnemonic-fd N and keep what comes out of it',
    () => '24 个助记词只在终端上显示，而此处没有终端：请使用 --mnemonic-fd N 并保存其输出',
  ),
  descriptorIsWrong: row(
    (option: string, text: string) => `--${option} must be the number of an open file descriptor, not "${text}"`,
    (option, text) => `--${option} 必须是已打开的文件描述符编号，不能是 "${text}"`,
  ),
  cancelled: row(
    () => 'cancelled',
    () => '已取消',
  ),

  // The node
  noDaemon: row(
    (where: string) => `no node answers at ${where}: start it with "clawnetd"`,
    where => `${where} 没有节点应答：请用 "clawnetd" 启动节点`,
  ),
  noDevnetNode: row(
    (node: number) =>
      `node ${node} of the devnet is not running: "clawnet devnet up" starts all, "clawnet devnet status" lists them`,
    node => `devnet 的节点 ${node} 没有运行："clawnet devnet up" 启动全部节点，"clawnet devnet status" 列出它们`,
  ),
  outcomeUnknown: row(
    (key: string) =>
      `the connection was lost: the write may have happened or not. Repeat it safely with --idempotency-key ${key}`,
    key => `连接中断：写入可能已生效，也可能没有。可用 --idempotency-key ${key} 安全重试`,
  ),
  identityIsLocked: row(
    () => 'the identity is locked: "clawnet unlock" opens it for a while, --passphrase-file for this command only',
    () => '身份已锁定："clawnet unlock" 可解锁一段时间，--passphrase-file 只对本条命令有效',
  ),
  apiUrlIsWrong: row(
    (url: string) => `--api must be an address like http://127.0.0.1:9528, not "${url}"`,
    url => `--api 必须是类似 http://127.0.0.1:9528 的地址，不能是 "${url}"`,
  ),
  nothingToStop: row(
    (home: string) => `no node of ${home} is running`,
    home => `${home} 没有正在运行的节点`,
  ),
  doesNotStop: row(
    (pid: number) => `the node (process ${pid}) has not ended yet: its log says what it does`,
    pid => `节点（进程 ${pid}）尚未结束，请查看日志`,
  ),
  stopped: row(
    () => 'the node has stopped',
    () => '节点已停止',
  ),
  degraded: row(
    (complaint: string) => `! ${complaint}`,
    complaint => `！${complaint}`,
  ),
  noPeers: row(
    () => 'no peer is connected',
    () => '没有连接任何节点',
  ),
  isReady: row(
    (height: number) => `ready at block ${height}`,
    height => `已就绪，区块 ${height}`,
  ),
  notReady: row(
    (height: number, target: number) => `not ready yet: block ${height} of ${target}`,
    (height, target) => `尚未就绪：区块 ${height} / ${target}`,
  ),
  secondsLeft: row(
    (seconds: number) => `, ${seconds} s left`,
    seconds => `，还需 ${seconds} 秒`,
  ),
  goalExpected: row(
    () => 'must be ready, synced or tx: and the hash of a transaction (tx:0x…)',
    () => '必须是 ready、synced 或 tx: 加交易哈希（tx:0x…）',
  ),
  sinceExpected: row(
    () => 'must be a time like 2026-01-31T12:00:00Z or how long ago, like 90s, 10m, 2h or 1d',
    () => '必须是 2026-01-31T12:00:00Z 这样的时间，或 90s、10m、2h、1d 这样的时长',
  ),
  noLogFile: row(
    () => 'this node writes no log file: logging.file is null',
    () => '该节点不写日志文件：logging.file 为 null',
  ),
  logIsEmpty: row(
    (path: string) => `nothing to show in ${path}`,
    path => `${path} 中没有可显示的内容`,
  ),
  onlyDefaults: row(
    () => 'nothing is set; --effective shows the defaults',
    () => '没有任何设置；--effective 显示默认值',
  ),
  nodeNumberIsWrong: row(
    (text: string) => `--node must be the number of a devnet node, not "${text}"`,
    text => `--node 必须是 devnet 节点的编号，不能是 "${text}"`,
  ),
  notFound: row(
    () => 'there is no such thing',
    () => '没有找到',
  ),
  historyIsEmpty: row(
    () => 'nothing has touched this account yet',
    () => '该账户还没有任何记录',
  ),
  historyGoesOn: row(
    (cursor: string) => `older entries: --cursor ${cursor}`,
    cursor => `更早的记录：--cursor ${cursor}`,
  ),
  transactionIsUnknown: row(
    () => 'this node has not heard of that transaction',
    () => '该节点不知道这笔交易',
  ),
  blockIsUnknown: row(
    () => 'this node has no such block',
    () => '该节点没有这个区块',
  ),
  isFinal: row(
    (height: number) => `final in block ${height}`,
    height => `已在区块 ${height} 中最终确认`,
  ),
  isBroadcast: row(
    (txHash: string) => `sent; "clawnet tx ${txHash}" tells what becomes of it`,
    txHash => `已广播；用 "clawnet tx ${txHash}" 查看结果`,
  ),
  notYetFinal: row(
    (txHash: string) => `not final yet: "clawnet wait --for tx:${txHash}" waits on`,
    txHash => `尚未最终确认：可用 "clawnet wait --for tx:${txHash}" 继续等待`,
  ),

  // init
  alreadyInitialised: row(
    (home: string) => `${home} has a wallet already; --home or CLAWNET_HOME names another directory`,
    home => `${home} 中已有钱包；可用 --home 或 CLAWNET_HOME 指定其他目录`,
  ),
  genesisNeeded: row(
    (network: string) =>
      `to join ${network} its genesis file is needed: get it from the people of that network and add --genesis FILE. "clawnet init --network local" makes a network of your own, "clawnet init --keys-only" the keys of a founder`,
    network =>
      `加入 ${network} 需要它的创世文件：请向该网络的成员索取，并加上 --genesis FILE。"clawnet init --network local" 可创建自己的网络，"clawnet init --keys-only" 为创始成员生成密钥`,
  ),
  genesisIsOf: row(
    (file: string, network: string, named: string) =>
      `${file} is the genesis file of a ${network} network, not of ${named}`,
    (file, network, named) => `${file} 是 ${network} 网络的创世文件，不是 ${named}`,
  ),
  initTitle: row(
    () => 'ClawNet node: first set-up',
    () => 'ClawNet Node 初始化',
  ),
  initKeys: row(
    () => '✓ Made the keys',
    () => '✓ 生成密钥对',
  ),
  initDid: row(
    (did: string) => `✓ DID: ${did}`,
    did => `✓ 创建 DID: ${did}`,
  ),
  initConfig: row(
    (file: string) => `✓ Settings are in ${file}`,
    file => `✓ 配置保存到 ${file}`,
  ),
  initKeystore: row(
    (directory: string) => `✓ Keys are sealed in ${directory}`,
    directory => `✓ 私钥加密保存到 ${directory}`,
  ),
  initKeysKept: row(
    (directory: string) => `✓ The keys are those made before, in ${directory}`,
    directory => `✓ 沿用已有的私钥：${directory}`,
  ),
  backUpWords: row(
    () => '⚠️  Write down these 24 words, in this order; they are shown only now, and whoever has them has your Tokens:',
    () => '⚠️  请备份助记词（24 个词，按顺序抄写；只显示这一次，掌握它的人就掌握您的 Token）:',
  ),
  initNext: row(
    (network: string) =>
      `Next (${network}):\n  clawnetd            start the node\n  clawnet status      see how it is\n  clawnet balance     see what it holds`,
    network =>
      `接下来（${network}）：\n  clawnetd            启动节点\n  clawnet status      查看状态\n  clawnet balance     查看余额`,
  ),
  initNextFounder: row(
    (address: string, key: string) =>
      `Next:\n  clawnet genesis add FILE --stake N        put this node into the genesis file\n  clawnet init --genesis FILE               once all founders stand in it\nOr send these to whoever keeps the file:\n  ${address} --consensus-key ${key}`,
    (address, key) =>
      `接下来：\n  clawnet genesis add FILE --stake N        把本节点加入创世文件\n  clawnet init --genesis FILE               所有创始成员都加入之后\n或把以下内容发给保管文件的人：\n  ${address} --consensus-key ${key}`,
  ),

  // Networks
  genesisIsNew: row(
    (file: string) =>
      `${file} is there. Now every founder runs:\n  clawnet init --keys-only\n  clawnet genesis add ${file} --balance N --stake N\nand once all stand in it:\n  clawnet genesis verify ${file}\n  clawnet init --genesis ${file}`,
    file =>
      `已生成 ${file}。接下来每位创始成员运行：\n  clawnet init --keys-only\n  clawnet genesis add ${file} --balance N --stake N\n全部加入之后运行：\n  clawnet genesis verify ${file}\n  clawnet init --genesis ${file}`,
  ),
  genesisHas: row(
    (file: string, accounts: number, validators: number) => `${file}: ${accounts} accounts, ${validators} validators`,
    (file, accounts, validators) => `${file}：${accounts} 个账户，${validators} 个验证者`,
  ),
  genesisNeedsTokens: row(
    () => 'say what to add: --balance TOKENS, --stake TOKENS or both',
    () => '请说明要添加什么：--balance TOKENS、--stake TOKENS 或两者',
  ),
  genesisHasAccount: row(
    (address: string) => `${address} stands in the file already`,
    address => `${address} 已在文件中`,
  ),
  genesisHasValidator: row(
    (key: string) => `the consensus key ${key} stands in the file already`,
    key => `共识密钥 ${key} 已在文件中`,
  ),
  genesisIsFragile: row(
    (validators: number) =>
      `with ${validators} validators the network stops when one of them does; four or more survive the loss of one`,
    validators => `只有 ${validators} 个验证者时，任何一个停止都会使网络停止；四个或更多可承受一个失效`,
  ),
  auditIsEmpty: row(
    (path: string) => `nothing is written in ${path} yet`,
    path => `${path} 中还没有记录`,
  ),
  auditHolds: row(
    (lines: number) =>
      `${lines} lines, none changed or removed between the first and the last. Whether lines are missing at the end only a hash kept elsewhere can tell: keep this one`,
    lines => `${lines} 行，首尾之间没有被修改或删除。末尾是否缺行只有保存在别处的哈希才能判断：请保存此哈希`,
  ),
  auditFault: row(
    (file: string, line: number, fault: 'changed' | 'gap' | 'older_are_missing') =>
      `${file}, line ${line}: ${{ changed: 'it was changed', gap: 'lines before it were removed or changed', older_are_missing: 'the lines before it are gone' }[fault]}`,
    (file, line, fault) =>
      `${file} 第 ${line} 行：${{ changed: '已被修改', gap: '它之前的行被删除或修改', older_are_missing: '它之前的行已丢失' }[fault]}`,
  ),
  devnetExists: row(
    (nodes: number) =>
      `there is a devnet of ${nodes} nodes: "clawnet devnet up" starts it, "clawnet devnet down --delete" makes room`,
    nodes => `已有一个 ${nodes} 节点的 devnet："clawnet devnet up" 启动它，"clawnet devnet down --delete" 删除它`,
  ),
  devnetIsUnfinished: row(
    (base: string) => `the devnet in ${base} was never finished: "clawnet devnet down --delete" makes room`,
    base => `${base} 中的 devnet 未创建完成："clawnet devnet down --delete" 可删除它`,
  ),
  noDevnet: row(
    (home: string) => `there is no devnet in ${home}: "clawnet devnet up" makes one`,
    home => `${home} 中没有 devnet："clawnet devnet up" 可创建`,
  ),
  portIsTaken: row(
    (port: number) => `port ${port} is taken: choose others with --base-port`,
    port => `端口 ${port} 已被占用：请用 --base-port 选择其他端口`,
  ),
  devnetIsMade: row(
    (nodes: number) => `making the keys of ${nodes} nodes`,
    nodes => `正在生成 ${nodes} 个节点的密钥`,
  ),
  devnetStarts: row(
    (nodes: number) => `starting ${nodes} nodes`,
    nodes => `正在启动 ${nodes} 个节点`,
  ),
  devnetBecomesReady: row(
    (ready: number, nodes: number) => `${ready} of ${nodes} nodes are ready`,
    (ready, nodes) => `${ready} / ${nodes} 个节点已就绪`,
  ),
  devnetNotReady: row(
    (ready: number, nodes: number) =>
      `only ${ready} of ${nodes} nodes became ready: see "clawnet devnet status" and "clawnet --node 1 logs"`,
    (ready, nodes) => `只有 ${ready} / ${nodes} 个节点就绪：请查看 "clawnet devnet status" 和 "clawnet --node 1 logs"`,
  ),
  devnetIsUp: row(
    (nodes: number, lastDid: string) =>
      `${nodes} nodes are up. Talk to any of them with --node:\n  clawnet --node 1 balance\n  clawnet --node 1 transfer ${lastDid} 100\n  clawnet --node ${nodes} history\n  clawnet devnet down`,
    (nodes, lastDid) =>
      `${nodes} 个节点已启动。用 --node 与任一节点交互：\n  clawnet --node 1 balance\n  clawnet --node 1 transfer ${lastDid} 100\n  clawnet --node ${nodes} history\n  clawnet devnet down`,
  ),
  devnetIsDown: row(
    (nodes: number) => `${nodes} nodes have stopped`,
    nodes => `${nodes} 个节点已停止`,
  ),
} as const
