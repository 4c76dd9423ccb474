/** Where a value comes from. */
export type Origin =
  | { readonly from: 'flag'; readonly flag: string }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'file'; readonly file: string; readonly line: number }
  | { readonly from: 'default' }

export function originText(origin: Origin): string {
  switch (origin.from) {
    case 'flag':
      return `flag ${origin.flag}`
    case 'environment':
      return `environment ${origin.variable}`
    case 'file':
      return `${origin.file}:${origin.line}`
    case 'default':
      return 'default'
  }
}

/** Higher wins. */
export function strengthOf({ from }: Origin): number {
  return ['default', 'file', 'environment', 'flag'].indexOf(from)
}
