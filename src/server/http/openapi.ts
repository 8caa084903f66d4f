/** /openapi/v3: the index with a hash of each document, and the documents (KEP-2896). */
import { createHash } from "node:crypto";
import type { Kind } from "../../api/kind.ts";
import { openApiDocuments } from "../../api/openapi/documents.ts";
import type { Request, Response } from "./exchange.ts";
import { jsonResponse } from "./exchange.ts";
import { VERSION } from "./version.ts";

interface Document {
  readonly body: string;
  readonly hash: string;
}

export class OpenApi {
  readonly #kinds: readonly Kind[];
  /** By path below /openapi/v3: "api/v1". Made when they are first asked for: few servers ever are. */
  #documents: ReadonlyMap<string, Document> | undefined;

  constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds;
  }

  /** The answer for a path of OpenAPI; undefined if it is none or there is no such document. */
  answer({ path, header }: Pick<Request, "path" | "header">): Response | undefined {
    if (path === "/openapi/v3" || path === "/openapi/v3/") return jsonResponse(200, this.#index());
    const document = path.startsWith("/openapi/v3/")
      ? this.#all().get(path.slice("/openapi/v3/".length))
      : undefined;
    if (document === undefined) return undefined;
    const etag = `"${document.hash}"`;
    const headers = { "content-type": "application/json", etag, "cache-control": "public, immutable" };
    if (header("if-none-match") === etag) return { status: 304, headers, body: "" };
    return { status: 200, headers, body: document.body, compressible: true };
  }

  #index(): object {
    const paths: Record<string, object> = {};
    for (const [name, { hash }] of this.#all())
      paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` };
    return { paths };
  }

  #all(): ReadonlyMap<string, Document> {
    if (this.#documents === undefined) {
      const documents = new Map<string, Document>();
      for (const [name, document] of openApiDocuments(this.#kinds, VERSION["gitVersion"]!)) {
        const body = JSON.stringify(document);
        documents.set(name, { body, hash: createHash("sha512").update(body).digest("hex").toUpperCase() });
      }
      this.#documents = documents;
    }
    return this.#documents;
  }
}
