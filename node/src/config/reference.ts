import { environmentName, fallbackText, type SettingKey, settingKeys, settingOf } from './settings.ts'

/** docs/reference/config.md. */
export function renderConfigReference(): string {
  return `# Configuration

<!-- Made from node/src/config/settings.ts by "npm run reference"; do not edit. -->

Settings come from the flags of \`clawnetd\`, from the environment, from \`~/.clawnet/config.yaml\`, and from the defaults, in this
order of strength. \`CLAWNET_HOME\` moves \`~/.clawnet\` with all that is in it; where a setting says \`~/.clawnet\`, that is meant. Other
relative paths start from the directory of the file, or from the working directory. \`clawnet config show --effective --origin\` says what is in
force and why; \`clawnetd --check-config\` says what is wrong.

In YAML a dot stands for a section: \`p2p.port\` is \`port\` below \`p2p\`. In the environment lists are separated by commas, \`none\` stands for null,
and an empty variable for none at all.

| setting | default | environment | flag |
|---|---|---|---|
${settingKeys.map(row).join('\n')}

${settingKeys.map(paragraph).join('\n\n')}
`
}

function row(key: SettingKey): string {
  const setting = settingOf(key)
  return `| [\`${key}\`](#${anchor(key)}) | ${fallbackText(setting)} | \`${environmentName(key)}\` | ${flagText(key)} |`
}

function paragraph(key: SettingKey): string {
  const { doc, kind } = settingOf(key)
  return `## ${key}\n\n${doc}\n\nMust be ${kind.expected}.`
}

function flagText(key: SettingKey): string {
  const { flag } = settingOf(key)
  if (flag === undefined) return ''
  return `\`${'value' in flag ? `${flag.name} ${flag.value}` : flag.name}\``
}

/** As GitHub makes it. */
function anchor(key: string): string {
  return key.toLowerCase().replaceAll('.', '')
}
