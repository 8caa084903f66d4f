/** /openapi/v3: the index with a hash of each document, and the documents (KEP-2896). */
import { createHash } from "node:crypto";
import type { Kind } from "../../api/kind.ts";
import type { Request, Response } from "./exchange.ts";
import { jsonResponse } from "./exchange.ts";

interface Document {
  readonly body: string;
  readonly hash: string;
}

export class OpenApi {
  readonly #documents = new Map<string, Document>();

  constructor(kinds: readonly Kind[]) {
    void kinds;
  }

  /** The answer for a path of OpenAPI; undefined if it is none or there is no such document. */
  answer({ path, header }: Pick<Request, "path" | "header">): Response | undefined {
    if (path === "/openapi/v3" || path === "/openapi/v3/") return jsonResponse(200, this.#index());
    const document = path.startsWith("/openapi/v3/")
      ? this.#documents.get(path.slice("/openapi/v3/".length))
      : undefined;
    if (document === undefined) return undefined;
    const etag = `"${document.hash}"`;
    const headers = { "content-type": "application/json", etag, "cache-control": "public, immutable" };
    if (header("if-none-match") === etag) return { status: 304, headers, body: "" };
    return { status: 200, headers, body: document.body, compressible: true };
  }

  #index(): object {
    const paths: Record<string, object> = {};
    for (const [name, { hash }] of this.#documents)
      paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` };
    return { paths };
  }
}

export function hashOf(body: string): string {
  return createHash("sha512").update(body).digest("hex").toUpperCase();
}
