/** /healthz, /livez, /readyz and their single checks: "ok", or which check fails (apiserver server/healthz). */
import { pathNotFound } from "../../api/status-errors.ts";
import { type Response, textResponse } from "./exchange.ts";

export interface HealthCheck {
  readonly name: string;
  /** Throws with the reason. */
  readonly check: () => Promise<void>;
}

/** The answer for a health path: 200, or 500 with the failing checks. Throws ApiError 404 for an unknown check. */
export async function healthResponse(
  path: string,
  query: URLSearchParams,
  checks: readonly HealthCheck[],
): Promise<Response> {
  const [endpoint = "", name] = path.split("/").slice(1);
  const excluded = new Set(query.getAll("exclude"));
  const chosen =
    name === undefined || name === ""
      ? checks.filter((check) => !excluded.has(check.name))
      : checks.filter((check) => check.name === name);
  if (chosen.length === 0 && name !== undefined && name !== "") throw pathNotFound();
  const lines: string[] = [];
  let failed = false;
  for (const { name, check } of chosen) {
    try {
      await check();
      lines.push(`[+]${name} ok`);
    } catch (error) {
      failed = true;
      lines.push(`[-]${name} failed: ${(error as Error).message}`);
    }
  }
  if (failed) return textResponse(500, `${lines.join("\n")}\n${endpoint} check failed\n`);
  if (!query.has("verbose")) return textResponse(200, "ok");
  return textResponse(200, `${lines.join("\n")}\n${endpoint} check passed\n`);
}
