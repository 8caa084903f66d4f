/** metav1.Time and MicroTime: RFC 3339 in, UTC with seconds or microseconds out. */

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/** An instant. Seconds since the epoch, may be negative; nanoseconds 0 to 999,999,999. */
export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

/** The instant that an RFC 3339 text writes; undefined if it writes none, or a day that does not exist. */
export function parseInstant(text: string): Instant | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", zone = "Z"] = match;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const milliseconds = Date.parse(local);
  // Date.parse moves the 31st of a shorter month on; a date that does not come back the same does not exist.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== local) return undefined;
  const offset =
    zone === "Z"
      ? 0
      : (zone.startsWith("-") ? -60 : 60) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6)));
  return { seconds: milliseconds / 1000 - offset, nanos: Number(fraction.slice(0, 9).padEnd(9, "0")) };
}

/** RFC 3339 in UTC with seconds. Undefined outside the years 0 to 9999. */
export function formatTime({ seconds }: Instant): string | undefined {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return undefined;
  const text = date.toISOString();
  return text.length === 24 ? `${text.slice(0, 19)}Z` : undefined;
}

/** RFC 3339 in UTC with microseconds. Undefined outside the years 0 to 9999. */
export function formatMicroTime(instant: Instant): string | undefined {
  const micros = String(Math.floor(instant.nanos / 1000)).padStart(6, "0");
  const text = formatTime(instant);
  return text === undefined ? undefined : `${text.slice(0, 19)}.${micros}Z`;
}
