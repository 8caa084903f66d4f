/**
 * The gate: everything that must hold before a change lands, in one run. Prints a line for each step while it works,
 * the whole output of a step that fails, and at the end one green line or the list of what is wrong.
 *
 * With CI=true a skipped test is a failure: everything a test needs can be installed there.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, globSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import type { TestSummary } from "./test-summary.ts";

/** What a whole run checks. */
const ALL = "types, lint, format, unused code, layers, unit tests, whole-system tests";
const CI = process.env["CI"] === "true";
const scratch = mkdtempSync(join(tmpdir(), "fairlead-gate-"));
const problems: string[] = [];
const skipped: string[] = [];
let passed = 0;
let failed = 0;

interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

function run(command: string, args: readonly string[], timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (error) => resolve({ ok: false, output: error.message }));
    child.on("close", (code, signal) => {
      if (signal !== null)
        chunks.push(Buffer.from(`\nended by ${signal} (time limit ${timeoutMs / 1000} s)\n`));
      resolve({ ok: code === 0, output: Buffer.concat(chunks).toString() });
    });
  });
}

async function step(name: string, work: () => Promise<Outcome & { note?: string }>): Promise<void> {
  const started = performance.now();
  const { ok, output, note } = await work();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const mark = ok ? styleText("green", "ok  ") : styleText("red", "FAIL");
  console.log(`${mark} ${name}${note === undefined ? "" : `: ${note}`} (${seconds} s)`);
  if (!ok) {
    problems.push(name);
    console.log(output);
  }
}

function tool(name: string, ...args: string[]): () => Promise<Outcome> {
  return () => run(name, args, 300_000);
}

/** Runs test files; each name of a failed or skipped test is kept for the end. */
async function tests(
  args: readonly string[],
  files: readonly string[],
  timeoutMs: number,
): Promise<Outcome & { note?: string }> {
  if (files.length === 0) return { ok: false, output: "no test files found" };
  const summaryFile = join(scratch, `${passed}-${files.length}.json`);
  const reporters = [
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=./setup/test-summary.ts",
    `--test-reporter-destination=${summaryFile}`,
  ];
  const outcome = await run(process.execPath, ["--test", ...args, ...reporters, ...files], timeoutMs);
  let summary: TestSummary;
  try {
    summary = JSON.parse(readFileSync(summaryFile, "utf8")) as TestSummary;
  } catch {
    return { ok: false, output: `${outcome.output}\nthe test run ended without a summary` };
  }
  passed += summary.passed;
  failed += summary.failed.length;
  for (const { name, file } of summary.failed)
    problems.push(`${name} (${file.replace(`${process.cwd()}/`, "")})`);
  for (const { name, reason } of summary.skipped) skipped.push(`${name}: ${reason || "no reason given"}`);
  const ok = outcome.ok && summary.failed.length === 0 && summary.passed > 0;
  return { ok, output: outcome.output, note: `${summary.passed} passed` };
}

const only = process.argv.slice(2);
const wanted = (name: string): boolean => only.length === 0 || only.includes(name);

if (wanted("types")) await step("types", tool("tsc", "--noEmit"));
if (wanted("lint")) await step("lint", tool("oxlint", "--type-aware", "--deny-warnings"));
if (wanted("format")) await step("format", tool("oxfmt", "--check"));
if (wanted("unused")) await step("unused code", tool("knip"));
if (wanted("unit"))
  await step("layers and unit tests", () =>
    tests(["--test-isolation=none"], globSync("src/**/*.test.ts").sort(), 300_000),
  );
// One after the other: they share the machine's two-digit milliseconds, and some measure.
if (wanted("system"))
  for (const file of globSync("test/**/*.test.ts").sort())
    await step(file, () => tests(["--test-concurrency=1"], [file], 300_000));

rmSync(scratch, { recursive: true, force: true });
if (skipped.length > 0) {
  console.log(styleText("yellow", `\nskipped:\n  ${skipped.join("\n  ")}`));
  if (CI) problems.push(`${skipped.length} skipped tests, which CI does not allow`);
}
if (problems.length > 0) {
  console.log(styleText("red", `\nnot right:\n  ${[...new Set(problems)].join("\n  ")}`));
  process.exitCode = 1;
} else {
  const checked = only.length > 0 ? `${only.join(", ")}, and nothing else` : ALL;
  console.log(styleText("green", `\nall is well: ${checked}`));
}
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
