/** /openapi/v3: the index with a hash of each document, and the documents (KEP-2896). /openapi/v2: one for everything. */
import { createHash } from "node:crypto";
import type { Kind } from "../../api/kind.ts";
import { derivedFrom, type KindCatalog } from "../../api/kind-catalog.ts";
import { kindsByDocument, openApiDocument } from "../../api/openapi/documents.ts";
import { notAcceptable } from "../../api/status-errors.ts";
import type { Request, Response } from "./exchange.ts";
import { jsonResponse } from "./exchange.ts";
import { parseAccept } from "./negotiate.ts";
import { encodeSwagger } from "./swagger-protobuf.ts";
import { swaggerOf } from "./swagger.ts";
import { VERSION } from "./version.ts";

const SWAGGER_PROTOBUF_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/** What clients ask for: the type, or its first spelling, which is no valid media type and is answered with the other. */
const SWAGGER_PROTOBUF = new Set([
  SWAGGER_PROTOBUF_TYPE,
  "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
]);

const SERVER = VERSION["gitVersion"]!;

interface Document {
  readonly body: string;
  readonly hash: string;
}

/** Its second form is made when it is first asked for: it costs as much as the rest, 15 ms. */
interface Swagger {
  readonly json: Document;
  readonly protobuf: () => Uint8Array;
}

/** What was made of the kinds of one group and version. */
interface Made {
  readonly of: readonly Kind[];
  readonly document: Document;
}

export class OpenApi {
  readonly #swagger: () => Swagger;
  /** The kinds of each document by its path below /openapi/v3: "api/v1". */
  readonly #groups: () => ReadonlyMap<string, readonly Kind[]>;
  /** Made when they are first asked for: few servers ever are. A change of one group leaves the others as they are. */
  readonly #made = new Map<string, Made>();

  constructor(catalog: KindCatalog) {
    this.#groups = derivedFrom(catalog, kindsByDocument);
    this.#swagger = derivedFrom(catalog, (kinds) => {
      const documents = [...kindsByDocument(kinds).values()].map((own) => openApiDocument(own, SERVER));
      const swagger = swaggerOf(documents, SERVER);
      let protobuf: Uint8Array | undefined;
      return { json: documentOf(swagger), protobuf: () => (protobuf ??= encodeSwagger(swagger)) };
    });
  }

  /** The answer for a path of OpenAPI; undefined if it is none or there is no such document. */
  answer({ path, header }: Pick<Request, "path" | "header">): Response | undefined {
    if (path === "/openapi/v2") return this.#version2(header("accept") ?? "");
    if (path === "/openapi/v3" || path === "/openapi/v3/") return jsonResponse(200, this.#index());
    const document = path.startsWith("/openapi/v3/")
      ? this.#document(path.slice("/openapi/v3/".length))
      : undefined;
    if (document === undefined) return undefined;
    const etag = `"${document.hash}"`;
    const headers = { "content-type": "application/json", etag, "cache-control": "public, immutable" };
    if (header("if-none-match") === etag) return { status: 304, headers, body: "" };
    return { status: 200, headers, body: document.body, compressible: true };
  }

  #version2(accept: string): Response {
    const { json, protobuf } = this.#swagger();
    const headers = { etag: `"${json.hash}"`, vary: "Accept" };
    const ranges = parseAccept(accept);
    const wanted = ranges.find(
      ({ type }) => SWAGGER_PROTOBUF.has(type) || type === "application/json" || type === "*/*",
    );
    if (ranges.length > 0 && wanted === undefined)
      throw notAcceptable(["application/json", ...SWAGGER_PROTOBUF]);
    if (wanted !== undefined && SWAGGER_PROTOBUF.has(wanted.type))
      return {
        status: 200,
        headers: { "content-type": SWAGGER_PROTOBUF_TYPE, ...headers },
        body: protobuf(),
        compressible: true,
      };
    return {
      status: 200,
      headers: { "content-type": "application/json", ...headers },
      body: json.body,
      compressible: true,
    };
  }

  #index(): object {
    const paths: Record<string, object> = {};
    for (const name of this.#groups().keys())
      paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${this.#document(name)!.hash}` };
    return { paths };
  }

  #document(name: string): Document | undefined {
    const kinds = this.#groups().get(name);
    if (kinds === undefined) {
      this.#made.delete(name);
      return undefined;
    }
    const made = this.#made.get(name);
    if (made?.of.length === kinds.length && made.of.every((kind, i) => kind === kinds[i]))
      return made.document;
    const document = documentOf(openApiDocument(kinds, SERVER));
    this.#made.set(name, { of: kinds, document });
    return document;
  }
}

function documentOf(value: object): Document {
  const body = JSON.stringify(value);
  return { body, hash: createHash("sha512").update(body).digest("hex").toUpperCase() };
}
