/** One sentence in the languages of the command line. */

/** A row of the table: both languages take the same values. */
export function row<A extends readonly unknown[]>(
  en: (...values: A) => string,
  zh: (...values: A) => string,
): { readonly en: (...values: A) => string; readonly zh: (...values: A) => string } {
  return { en, zh }
}
