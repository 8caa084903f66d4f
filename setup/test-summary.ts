/**
 * A node:test reporter for the gate: one JSON document with the counts, the failures and what was skipped and why.
 * Used beside a reporter for people, with a file as its destination.
 */
import type { TestEvent } from "node:test/reporters";

export interface TestSummary {
  passed: number;
  failed: { name: string; file: string; error: string }[];
  skipped: { name: string; reason: string }[];
}

export default async function* summarise(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const summary: TestSummary = { passed: 0, failed: [], skipped: [] };
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { data } = event;
    if (data.details.type === "suite" && event.type === "test:pass") continue;
    if (data.skip !== undefined && data.skip !== false) {
      summary.skipped.push({ name: data.name, reason: typeof data.skip === "string" ? data.skip : "" });
    } else if (event.type === "test:pass") {
      summary.passed += 1;
    } else {
      const { error } = event.data.details;
      const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : error.message;
      summary.failed.push({ name: data.name, file: data.file ?? "", error: cause });
    }
  }
  yield JSON.stringify(summary);
}
