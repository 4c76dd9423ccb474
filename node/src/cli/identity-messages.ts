/** What the command line says of identities and their keys. */
import { row } from './bilingual.ts'

export const identityMessages = {
  keyOfDid: row(
    () => 'the one in the DID',
    () => 'DID 中的密钥',
  ),
  keyIsElsewhere: row(
    () => '(not on this node)',
    () => '（不在本节点上）',
  ),
  keyIsRotated: row(
    () =>
      'the identity signs with its new key from now on, the old one signs for nothing any more; the 24 words give both',
    () => '该身份从现在起用新密钥签名，旧密钥不再有效；24 个助记词可以恢复两者',
  ),
  identityIsNotHere: row(
    (subject: string) => `this node holds no key of ${subject}: "clawnet identity list" shows those it has`,
    subject => `本节点没有 ${subject} 的密钥：请用 "clawnet identity list" 查看`,
  ),
  fileExists: row(
    () => 'it exists already, and keys are never overwritten',
    () => '文件已存在，密钥从不覆盖',
  ),
  identityIsExported: row(
    () => 'the keys are sealed with the passphrase of this node. Let only one node send for an identity at a time',
    () => '密钥仍由本节点的口令加密。同一身份同一时间只应由一个节点发送交易',
  ),
  identityIsImported: row(
    () => 'it opens with the passphrase of the node it came from; restart clawnetd to use it',
    () => '用来源节点的口令解锁；重启 clawnetd 后可用',
  ),
  bundleIsWrong: row(
    (file: string, problem: string) => `${file} was not written by "clawnet identity export": ${problem}`,
    (file, problem) => `${file} 不是 "clawnet identity export" 写出的文件：${problem}`,
  ),
  noIdentity: row(
    () => 'this node holds no identity yet: run "clawnet init"',
    () => '该节点还没有身份：请运行 "clawnet init"',
  ),
}
