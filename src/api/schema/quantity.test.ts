import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalQuantity, quantityNanos } from "./quantity.ts";
import { formatMicroTime, formatTime, parseInstant } from "./time.ts";

test("quantities: canonical text", () => {
  const rows: [string, string | undefined][] = [
    ["0", "0"],
    ["0.0Gi", "0"],
    ["1", "1"],
    ["+1", "1"],
    ["-1.5", "-1500m"],
    ["0.5", "500m"],
    [".5", "500m"],
    ["1000", "1k"],
    ["1000m", "1"],
    ["1500m", "1500m"],
    ["100k", "100k"],
    ["1024Mi", "1Gi"],
    ["1.5Gi", "1536Mi"],
    ["0.5Ki", "512"],
    ["1Ki", "1Ki"],
    ["1e3", "1e3"],
    ["1E3", "1e3"],
    ["12e6", "12e6"],
    ["100e3", "100e3"],
    ["1E", "1E"],
    ["1Ei", "1Ei"],
    ["1n", "1n"],
    ["0.1n", "1n"],
    ["1.1n", "2n"],
    ["", undefined],
    ["1 Gi", undefined],
    ["Gi", undefined],
    ["1gi", undefined],
    ["1.2.3", undefined],
    ["1e", undefined],
    ["--1", undefined],
    ["1".repeat(101), undefined],
  ];
  for (const [text, canonical] of rows) assert.equal(canonicalQuantity(text), canonical, text);
});

test("quantities: the canonical text means the same, and is its own canonical text", () => {
  const text = fc.tuple(
    fc.integer(),
    fc.nat(9999),
    fc.constantFrom("", "m", "u", "n", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "E-2"),
  );
  fc.assert(
    fc.property(text, ([whole, fraction, suffix]) => {
      const given = `${whole}.${fraction}${suffix}`;
      const canonical = canonicalQuantity(given)!;
      assert.equal(quantityNanos(canonical), quantityNanos(given), `${given} ${canonical}`);
      assert.equal(canonicalQuantity(canonical), canonical);
    }),
    { numRuns: 500 },
  );
});

test("times", () => {
  const rows: [string, string | undefined][] = [
    ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"],
    ["2026-01-02T03:04:05.987654321Z", "2026-01-02T03:04:05Z"],
    ["2026-01-02T03:04:05+02:30", "2026-01-02T00:34:05Z"],
    ["2026-01-02T03:04:05-00:30", "2026-01-02T03:34:05Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"],
    ["2025-02-29T00:00:00Z", undefined],
    ["2026-01-02T24:00:00Z", undefined],
    ["2026-01-02 03:04:05Z", undefined],
    ["2026-01-02T03:04:05", undefined],
    ["now", undefined],
  ];
  for (const [text, expected] of rows) {
    const instant = parseInstant(text);
    assert.equal(instant === undefined ? undefined : formatTime(instant), expected, text);
  }
  assert.equal(formatMicroTime(parseInstant("2026-01-02T03:04:05.9876543Z")!), "2026-01-02T03:04:05.987654Z");
  assert.equal(formatTime({ seconds: 1e15, nanos: 0 }), undefined);
});
