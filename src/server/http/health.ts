/** /healthz, /livez, /readyz and their single checks: "ok", or which check fails (apiserver server/healthz). */
import { pathNotFound } from "../../api/status-errors.ts";
import { type Response, textResponse } from "./exchange.ts";

export type HealthEndpoint = "healthz" | "livez" | "readyz";

export interface HealthCheck {
  readonly name: string;
  /** @default all three */
  readonly of?: readonly HealthEndpoint[];
  /** Throws with the reason, which is for the log: strangers may ask. */
  readonly check: () => Promise<void>;
}

/** The answer for a health path: 200, or 500 with the failing checks. Throws ApiError 404 for an unknown check. */
export async function healthResponse(
  path: string,
  query: URLSearchParams,
  checks: readonly HealthCheck[],
): Promise<Response> {
  const [endpoint = "", ...rest] = path.replace(/\/$/, "").split("/").slice(1);
  const own = checks.filter(({ of }) => of === undefined || of.includes(endpoint as HealthEndpoint));
  if (rest.length > 0) return single(own.find(({ name }) => name === rest.join("/")));
  const excluded = new Set(query.getAll("exclude"));
  let text = "";
  let failed = false;
  for (const { name, check } of own) {
    if (excluded.delete(name)) text += `[+]${name} excluded: ok\n`;
    else if ((await failure(check)) === undefined) text += `[+]${name} ok\n`;
    else {
      failed = true;
      text += `[-]${name} failed: reason withheld\n`;
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((name) => JSON.stringify(name)).join(",");
    text += `warn: some health checks cannot be excluded: no matches for ${names}\n`;
  }
  if (failed) return textResponse(500, `${text}${endpoint} check failed\n`);
  return textResponse(200, query.has("verbose") ? `${text}${endpoint} check passed\n` : "ok");
}

async function single(check: HealthCheck | undefined): Promise<Response> {
  if (check === undefined) throw pathNotFound();
  const failed = await failure(check.check);
  return failed === undefined
    ? textResponse(200, "ok")
    : textResponse(500, `internal server error: ${failed.message}\n`);
}

async function failure(check: () => Promise<void>): Promise<Error | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
