/** Ages in the tables of `kubectl get`, as apimachinery util/duration prints them. */
import type { Time } from "../meta/type.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** A duration in seconds, in two units at most: "45s", "3m20s", "4h", "2d3h", "1y20d". */
export function humanDuration(seconds: number): string {
  const whole = Math.trunc(seconds);
  if (whole < -1) return "<invalid>";
  if (whole < 0) return "0s";
  if (whole < 2 * MINUTE) return `${whole}s`;
  if (whole < 10 * MINUTE) return inUnits(whole, MINUTE, "m", 1, "s");
  if (whole < 3 * HOUR) return inUnits(whole, MINUTE, "m");
  if (whole < 8 * HOUR) return inUnits(whole, HOUR, "h", MINUTE, "m");
  if (whole < 2 * DAY) return inUnits(whole, HOUR, "h");
  if (whole < 8 * DAY) return inUnits(whole, DAY, "d", HOUR, "h");
  if (whole < 2 * YEAR) return inUnits(whole, DAY, "d");
  if (whole < 8 * YEAR) return inUnits(whole, YEAR, "y", DAY, "d");
  return inUnits(whole, YEAR, "y");
}

/** Whole large units, and what is left in small ones unless that is nothing. */
function inUnits(seconds: number, large: number, largeName: string, small = 0, smallName = ""): string {
  const count = `${Math.floor(seconds / large)}${largeName}`;
  const rest = small === 0 ? 0 : Math.floor((seconds % large) / small);
  return rest === 0 ? count : `${count}${rest}${smallName}`;
}

/** How long ago; `now` in milliseconds since the epoch. "<unknown>" if there is no time. */
export function since(time: Time | undefined, now: number): string {
  if (time === undefined) return "<unknown>";
  return humanDuration((now - Date.parse(time)) / 1000);
}
