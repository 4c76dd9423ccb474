/** How figures are taken and told: medians, and ratios against something measured in the same run. */

export interface Row {
  readonly what: string
  readonly figure: string
  /** Against what, in the same run. */
  readonly ratio?: string
  readonly goal: string
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<void> | void): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export function perSecond(count: number, elapsedMs: number): number {
  return (count * 1000) / elapsedMs
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

export function percent(value: number): string {
  return `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`
}
