/** Dates as W3C documents write them (XML Schema dateTimeStamp, in UTC), for the ledger: no clock, no platform. */
import { DecodeError } from './codec.ts'

const form = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?Z$/
const dayMs = 86_400_000

/** Milliseconds since 1970-01-01 UTC of `2026-11-22T09:30:00Z`. Throws DecodeError for any other form. */
export function parseDateTime(text: string): number {
  const match = form.exec(text)
  if (match === null) throw new DecodeError('must be a date and time in UTC like 2026-11-22T09:30:00Z')
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const isDate = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
  if (!isDate || hour > 23 || minute > 59 || second > 59) {
    throw new DecodeError('must be a day and time of the calendar, from 1970 to 9999')
  }
  const milliseconds = Number((match[7] ?? '').padEnd(3, '0'))
  return daysBefore(year, month, day) * dayMs + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds
}

/** `2026-11-22T09:30:00Z`: the second in which a time lies, of a time before the year 10000. */
export function formatDateTime(timeMs: number): string {
  const days = Math.floor(timeMs / dayMs)
  const seconds = Math.floor((timeMs % dayMs) / 1000)
  let year = 1970 + Math.floor(days / 366)
  while (daysBefore(year + 1, 1, 1) <= days) year += 1
  let month = 1
  while (month < 12 && daysBefore(year, month + 1, 1) <= days) month += 1
  const date = [year, month, days - daysBefore(year, month, 1) + 1]
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return `${date.map(padded).join('-')}T${time.map(padded).join(':')}Z`
}

const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function daysIn(year: number, month: number): number {
  return month === 2 && isLeap(year) ? 29 : (monthLengths[month - 1] as number)
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** Days from 1970-01-01 to a day of the Gregorian calendar. */
function daysBefore(year: number, month: number, day: number): number {
  const past = year - 1
  const leapDays = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - 477
  let days = (year - 1970) * 365 + leapDays + day - 1
  for (let earlier = 1; earlier < month; earlier++) days += daysIn(year, earlier)
  return days
}

function padded(value: number): string {
  return String(value).padStart(2, '0')
}
