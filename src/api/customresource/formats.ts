/** The formats of strings that are checked in custom resources (apiextensions-apiserver schema/../validation/formats.go). */
import { isIPv4, isIPv6 } from "node:net";
import { parseInstant } from "../schema/time.ts";
import { dns1123SubdomainComplaints } from "../validation/names.ts";

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
/** A day that exists. */
const isDate = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) &&
  !Number.isNaN(Date.parse(`${text}T00:00:00Z`)) &&
  new Date(`${text}T00:00:00Z`).toISOString().startsWith(text);

/** One or more numbers with units: "1h30m", "100ms" (Go's time.ParseDuration), or words such as "1 day". */
const DURATION =
  /^[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)\s*(?:ns|nanos?|us|µs|μs|micros?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?))+$|^0$/;

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
  cidr: isRange,
  date: isDate,
  "date-time": (text) => parseInstant(text) !== undefined,
  datetime: (text) => parseInstant(text) !== undefined,
  duration: (text) => DURATION.test(text),
  email: (text) => /^[^\s@"]+@[^\s@]+$/.test(text),
  hostname: (text) => dns1123SubdomainComplaints(text.toLowerCase()).length === 0,
  ipv4: isIPv4,
  ipv6: isIPv6,
  mac: (text) => /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text),
  uri: (text) => URL.canParse(text),
  uuid: (text) => UUID.test(text),
  uuid3: (text) => UUID.test(text) && /^[^-]{8}-?[^-]{4}-?3/i.test(text),
  uuid4: (text) => UUID.test(text) && /^[^-]{8}-?[^-]{4}-?4[^-]{3}-?[89ab]/i.test(text),
  uuid5: (text) => UUID.test(text) && /^[^-]{8}-?[^-]{4}-?5[^-]{3}-?[89ab]/i.test(text),
};

function isRange(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return rest.length === 0 && /^\d{1,3}$/.test(length) && Number(length) <= bits;
}

/** Whether the text is of the format. One that is not checked, or not known, has every text. */
export function hasFormat(format: string, text: string): boolean {
  const check = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  return check === undefined || check(text);
}
