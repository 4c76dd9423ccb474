/** What the command line says of agent tokens and approvals. */
import { row } from './bilingual.ts'

export const agentMessages = {
  tokenIsMade: row(
    (id: string, did: string) =>
      `token ${id} acts for ${did}. It is shown only now: hand it to the agent, which sends it as "Authorization: Bearer". "clawnet token revoke ${id}" ends it`,
    (id, did) =>
      `令牌 ${id} 代表 ${did} 行事。它只显示这一次：请交给智能体，以 "Authorization: Bearer" 发送。"clawnet token revoke ${id}" 可将其撤销`,
  ),
  tokenFileIsEmpty: row(
    (file: string) => `${file} is empty: it should hold a token`,
    file => `${file} 是空的：其中应有令牌`,
  ),
  tokenOnCommandLine: row(
    () =>
      'a token on the command line can be read by every user of this machine and stays in the shell history: put it into a file and use --token-file, or CLAWNET_TOKEN_FILE',
    () =>
      '命令行上的令牌会被本机所有用户看到，并留在 shell 历史中：请写入文件，并使用 --token-file 或 CLAWNET_TOKEN_FILE',
  ),
  noToken: row(
    () => 'no agent has a token: "clawnet token new --scope wallet" makes one',
    () => '还没有智能体令牌：用 "clawnet token new --scope wallet" 创建',
  ),
  noApproval: row(
    () => 'nothing waits for an approval',
    () => '没有等待批准的请求',
  ),
  isApproved: row(
    (txHash: string) => `approved: the node has sent transaction ${txHash}`,
    txHash => `已批准：节点已发送交易 ${txHash}`,
  ),
  isRefused: row(
    () => 'refused: nothing is sent, and the agent is told',
    () => '已拒绝：不会发送任何交易，智能体会得到通知',
  ),
}
