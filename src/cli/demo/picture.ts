/** Where requests went, as bars in a terminal. */
import { styleText } from "node:util";

export interface Tally {
  readonly requests: number;
  readonly failed: number;
  /** Answers by "ip:port" of the endpoint that gave them. */
  readonly byEndpoint: Readonly<Record<string, number>>;
}

const BAR_WIDTH = 40;

/** `names` are shown beside the endpoints they belong to; endpoints without any answer are shown too. */
export function tallyPicture(tally: Tally, names: Readonly<Record<string, string>>): string {
  const endpoints = [...new Set([...Object.keys(names), ...Object.keys(tally.byEndpoint)])].sort();
  const most = Math.max(1, ...Object.values(tally.byEndpoint));
  const width = Math.max(0, ...endpoints.map((endpoint) => endpoint.length));
  const lines = endpoints.map((endpoint) => {
    const count = tally.byEndpoint[endpoint] ?? 0;
    const bar = "█".repeat(Math.round((count / most) * BAR_WIDTH)).padEnd(BAR_WIDTH, "·");
    const share = tally.requests === 0 ? 0 : (100 * count) / tally.requests;
    const colour = count > 0 ? "green" : "gray";
    return `    ${(names[endpoint] ?? "").padEnd(6)} ${endpoint.padEnd(width)}  ${styleText(colour, bar)} ${String(count).padStart(5)}  ${share.toFixed(1).padStart(5)} %`;
  });
  const failed =
    tally.failed === 0 ? styleText("green", "0 failed") : styleText("red", `${tally.failed} failed`);
  return `${lines.join("\n")}\n    ${tally.requests} requests, ${failed}\n`;
}
