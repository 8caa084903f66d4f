/** netmaster's REST on the API server: each path and method, answered through what its user may do. */
import { createInProcessClient } from "../client/in-process.ts";
import type { GuestApi, GuestParts } from "../server/guest-api.ts";
import { jsonResponse, type Request, type Response } from "../server/http/exchange.ts";
import { aloneAnswer } from "./alone.ts";
import { namespaceOfTenant } from "./names.ts";
import { contivDocument } from "./openapi.ts";
import { askedOf, type Target, targetOf } from "./paths.ts";
import { config, describe, inspect, inspectEach, inspectEndpoint, list } from "./read.ts";
import { ContivError, fromApiError, refusalResponse } from "./refusal.ts";
import type { Sides } from "./sides.ts";
import { svcStatsAnswer } from "./svc-stats-answer.ts";
import type { SvcStatsSource } from "./svc-stats-source.ts";
import { watchLines } from "./watch-lines.ts";
import { write } from "./write.ts";
import { ENGINE_PATIENCE } from "./write-network.ts";

export interface ContivOptions {
  /** fairlead's. */
  readonly version: string;
  /** Undefined: nobody counts here, and /svcstats says so. */
  readonly svcStats?: SvcStatsSource | undefined;
  /** Whether nothing else is served there: then every path is netmaster's, /version and /info too. @default {false} */
  readonly alone?: boolean;
  /** How long the container engine has for a network, milliseconds. @default 15_000 */
  readonly enginePatience?: number;
}

/** In the group system:masters, as fairlead's own parts are. */
const OWN_USER = "system:fairlead";

export function createContivApi(options: ContivOptions): GuestApi {
  const { alone = false } = options;
  return {
    call({ method, path, query }) {
      const target = targetOf(path, query, alone);
      if (target === undefined) return undefined;
      return {
        anyOf: askedOf(target, method, path),
        isWatch: target.what === "watch" && method === "GET",
        async answer(request, parts) {
          try {
            return await answer(request, target, sidesOf(parts), options);
          } catch (error) {
            if (error instanceof ContivError) return refusalResponse(error, request);
            throw error;
          }
        },
      };
    },
    refuse(error, request) {
      const retry = error.status.details?.retryAfterSeconds;
      const headers = retry === undefined ? {} : { "retry-after": String(retry) };
      return refusalResponse(fromApiError(error), request, headers);
    },
  };
}

function sidesOf({ registry, ownRegistry, user }: GuestParts): Sides {
  return {
    user: createInProcessClient(registry, user),
    own: createInProcessClient(ownRegistry, OWN_USER),
  };
}

const READS: readonly string[] = ["GET", "HEAD"];
const ALL: readonly string[] = [...READS, "POST", "PUT", "PATCH", "DELETE"];

/** Throws ContivError or ApiError. */
async function answer(
  request: Request,
  target: Target,
  sides: Sides,
  options: ContivOptions,
): Promise<Response> {
  const { method, signal } = request;
  const allowed = target.what === "object" ? ALL : READS;
  if (target.what !== "nothing" && !allowed.includes(method)) return notAllowed(request, allowed);
  switch (target.what) {
    case "list":
      return jsonResponse(200, await list(sides, target));
    case "inspect all":
      return jsonResponse(200, await inspectEach(sides, target));
    case "watch":
      return {
        status: 200,
        headers: { "content-type": "application/json" },
        body: await watchLines(sides, target.plural, namespaceOfTenant(target.tenantName), signal),
      };
    case "object":
      return READS.includes(method)
        ? jsonResponse(200, await config(sides, target))
        : write(request, target, sides, options.enginePatience ?? ENGINE_PATIENCE);
    case "inspect":
      return jsonResponse(200, await inspect(sides, target));
    case "describe":
      return jsonResponse(200, await describe(sides, target));
    case "endpoint":
      return jsonResponse(200, await inspectEndpoint(sides, target));
    case "svcstats":
      return svcStatsAnswer(options.svcStats, sides, signal);
    case "openapi":
      return jsonResponse(200, contivDocument(options.version));
    case "nothing":
      throw new ContivError(target.code, target.message);
    default:
      return jsonResponse(200, await aloneAnswer(sides, target, options.version));
  }
}

function notAllowed(request: Request, allowed: readonly string[]): Response {
  const message = `${request.method} is not possible here: ${request.path} takes ${allowed.join(", ")}`;
  return refusalResponse(new ContivError(405, message), request, { allow: allowed.join(", ") });
}
