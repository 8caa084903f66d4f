/**
 * Resource quantities ("100m", "1.5Gi", "2e3") and their canonical text, as apimachinery pkg/api/resource has them:
 * no fraction, the largest suffix that keeps the value whole, the family of suffix that was written.
 */
const DECIMAL = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"] as const;
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;

const FORM = /^([+-]?)(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,3})?$/;

/** The sentence about text that is no quantity. */
export const QUANTITY_COMPLAINT =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Nothing is smaller than 10^-9: what is, is rounded away from zero. */
const NANO = 10n ** 9n;

/** More digits than any quantity can mean; keeps hostile text from costing much. */
const MAX_LENGTH = 100;

type Family = "decimal" | "binary" | "exponent";

interface Quantity {
  readonly family: Family;
  /** In units of 10^-9. */
  readonly nanos: bigint;
}

function parse(text: string): Quantity | undefined {
  const match = text.length > MAX_LENGTH ? null : FORM.exec(text);
  if (match === null) return undefined;
  const [, sign, digits = "", suffix = ""] = match;
  const [whole = "", fraction = ""] = digits.split(".");
  let numerator = BigInt(whole + fraction) * NANO;
  let denominator = 10n ** BigInt(fraction.length);
  let family: Family = "decimal";
  if (suffix.endsWith("i")) {
    family = "binary";
    numerator *= 1024n ** BigInt(BINARY.indexOf(suffix as (typeof BINARY)[number]));
  } else if (/^[eE][+-]?\d/.test(suffix)) {
    family = "exponent";
    const exponent = Number(suffix.slice(1));
    if (exponent >= 0) numerator *= 10n ** BigInt(exponent);
    else denominator *= 10n ** BigInt(-exponent);
  } else {
    const exponent = 3 * (DECIMAL.indexOf(suffix as (typeof DECIMAL)[number]) - 3);
    if (exponent >= 0) numerator *= 10n ** BigInt(exponent);
    else denominator *= 10n ** BigInt(-exponent);
  }
  const nanos = (numerator + denominator - 1n) / denominator;
  return { family, nanos: sign === "-" ? -nanos : nanos };
}

/** The canonical text of a quantity: "1024Mi" is "1Gi", "0.5" is "500m". Undefined if the text is no quantity. */
export function canonicalQuantity(text: string): string | undefined {
  const quantity = parse(text);
  if (quantity === undefined) return undefined;
  const { family, nanos } = quantity;
  const sign = nanos < 0n ? "-" : "";
  const size = nanos < 0n ? -nanos : nanos;
  if (size === 0n) return "0";
  // Small or fractional amounts have no binary form.
  if (family === "binary" && size >= 1024n * NANO && size % NANO === 0n) {
    let value = size / NANO;
    let power = 0;
    while (power < BINARY.length - 1 && value % 1024n === 0n) {
      value /= 1024n;
      power++;
    }
    return `${sign}${value}${BINARY[power]!}`;
  }
  let value = size;
  let power = 0;
  while (power < DECIMAL.length - 1 && value % 1000n === 0n) {
    value /= 1000n;
    power++;
  }
  if (family !== "exponent") return `${sign}${value}${DECIMAL[power]!}`;
  const exponent = 3 * (power - 3);
  return `${sign}${value}${exponent === 0 ? "" : `e${exponent}`}`;
}

/** The value of a quantity in units of 10^-9, for comparing. Undefined if the text is no quantity. */
export function quantityNanos(text: string): bigint | undefined {
  return parse(text)?.nanos;
}
