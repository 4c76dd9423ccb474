/** What the command line says of values that are not what an option asks for. */
import { row } from './bilingual.ts'

export const valueMessages = {
  valueIsWrong: row(
    (name: string, problem: string, given: string) => `${name}: ${problem}; "${given}" was given`,
    (name, problem, given) => `${name}：${problem}（给出的是 "${given}"）`,
  ),
  valueIsNoJson: row(
    (name: string, reason: string) =>
      `${name}: must be JSON, or @FILE to read it from a file (${reason}); in a shell, put it in single quotes`,
    (name, reason) => `${name}：必须是 JSON，或用 @文件 从文件读取（${reason}）；在 shell 中请用单引号括起来`,
  ),
  valueFileIsUnreadable: row(
    (name: string, file: string, reason: string) => `${name}: cannot read ${file}: ${reason}`,
    (name, file, reason) => `${name}：无法读取 ${file}：${reason}`,
  ),
  timeIsWrong: row(
    (name: string, given: string) =>
      `${name}: must be a time like 2027-01-31, 2027-01-31T09:30Z or 2027-01-31T09:30+08:00, a span from now like 30d or 2h, or milliseconds since 1970; "${given}" was given`,
    (name, given) =>
      `${name}：必须是 2027-01-31、2027-01-31T09:30Z 或 2027-01-31T09:30+08:00 这样的时间，或从现在起的时长（如 30d、2h），或自 1970 年起的毫秒数（给出的是 "${given}"）`,
  ),
  spanIsWrong: row(
    (name: string, given: string) =>
      `${name}: must be a span like 30s, 15m, 2h, 30d or 4w, or milliseconds; "${given}" was given`,
    (name, given) => `${name}：必须是 30s、15m、2h、30d 或 4w 这样的时长，或毫秒数（给出的是 "${given}"）`,
  ),
}
