import assert from "node:assert/strict";
import { test } from "node:test";
import { notFound } from "../../api/status-errors.ts";
import { serviceKind } from "../../api/service/kind.ts";
import { type Handler, jsonResponse, type Request } from "../http/exchange.ts";
import { withAudit } from "./audit.ts";
import { objectReferenceOf, verbOf } from "./request-info.ts";

function request(method: string, url: string, headers: Record<string, string> = {}): Request {
  const [path = "", query = ""] = url.split("?");
  return {
    method,
    path,
    query: new URLSearchParams(query),
    header: (name) => headers[name],
    headerLines: (name) => (headers[name] === undefined ? [] : [headers[name]]),
    headerNames: () => Object.keys(headers),
    user: undefined,
    becomeKnown() {},
    remoteAddress: "192.0.2.7",
    auditId: "the-id",
    body: async () => new Uint8Array(),
    signal: new AbortController().signal,
  };
}

/** The lines that one request leaves. */
async function linesOf(handler: Handler, asked: Request): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  let now = Date.parse("2026-01-02T03:04:05.006Z");
  const audited = withAudit(handler, {
    sink: { write: (line) => void lines.push(line) },
    clock: () => now++,
  });
  await audited(asked).catch(() => undefined);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a write leaves an audit.k8s.io/v1 Event of level Metadata", async () => {
  const handler: Handler = async ({ audit }) => {
    audit!.user = { name: "alice", groups: ["ops", "system:authenticated"] };
    audit!.impersonatedUser = { name: "bob", groups: [], uid: "7" };
    audit!.createdName = "web";
    return jsonResponse(201, {});
  };
  const asked = request("POST", "/api/v1/namespaces/shop/services?fieldManager=x", {
    "user-agent": "kubectl/v1.33",
    authorization: "Bearer hush",
  });
  const lines = await linesOf(handler, asked);
  assert.deepEqual(lines, [
    {
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: "Metadata",
      auditID: "the-id",
      stage: "ResponseComplete",
      requestURI: "/api/v1/namespaces/shop/services?fieldManager=x",
      verb: "create",
      user: { username: "alice", groups: ["ops", "system:authenticated"] },
      impersonatedUser: { username: "bob", uid: "7", groups: [] },
      sourceIPs: ["192.0.2.7"],
      userAgent: "kubectl/v1.33",
      objectRef: { resource: "services", namespace: "shop", apiVersion: "v1", name: "web" },
      responseStatus: { metadata: {}, code: 201 },
      requestReceivedTimestamp: "2026-01-02T03:04:05.006000Z",
      stageTimestamp: "2026-01-02T03:04:05.007000Z",
    },
  ]);
});

test("a refusal that was answered in another form than the API's is told with its reason too", async () => {
  const handler: Handler = async ({ audit }) => {
    audit!.refused = notFound(serviceKind, "web");
    return jsonResponse(500, "plain words");
  };
  const [line] = await linesOf(handler, request("DELETE", "/api/v1/serviceLBs/default:web"));
  assert.deepEqual(line?.["responseStatus"], {
    metadata: {},
    code: 500,
    status: "Failure",
    message: 'services "web" not found',
    reason: "NotFound",
  });
});

test("a refused write is told with its reason, a failed one without a word of why", async () => {
  const asked = request("DELETE", "/api/v1/namespaces/shop/services/web");
  const [refused] = await linesOf(async () => Promise.reject(notFound(serviceKind, "web")), asked);
  assert.deepEqual(refused?.["responseStatus"], {
    metadata: {},
    code: 404,
    status: "Failure",
    message: 'services "web" not found',
    reason: "NotFound",
  });
  assert.deepEqual(refused["user"], {});
  const [failed] = await linesOf(async () => Promise.reject(new Error("inner detail")), asked);
  assert.deepEqual(failed?.["responseStatus"], {
    metadata: {},
    code: 500,
    status: "Failure",
    reason: "InternalError",
  });
});

test("reads and reviews leave no line", async () => {
  const handler: Handler = async () => jsonResponse(200, {});
  for (const [method, url, lines] of [
    ["GET", "/api/v1/services", 0],
    ["HEAD", "/api/v1/services", 0],
    ["POST", "/apis/authentication.k8s.io/v1/tokenreviews", 0],
    ["POST", "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews", 0],
    ["POST", "/apis/example.com/v1/namespaces/a/reviews", 1],
    ["POST", "/api/v1/namespaces/a/serviceaccounts/b/token", 1],
    ["PATCH", "/apis/apps/v1/namespaces/a/deployments/b/scale", 1],
    ["PUT", "/nonsense", 1],
  ] as const)
    assert.equal((await linesOf(handler, request(method, url))).length, lines, url);
});

test("what a path is about", () => {
  const rows: [method: string, path: string, verb: string, object: object | undefined][] = [
    ["POST", "/api/v1/namespaces", "create", { resource: "namespaces", apiVersion: "v1" }],
    [
      "PUT",
      "/api/v1/namespaces/a/finalize",
      "update",
      { resource: "namespaces", namespace: "a", name: "a", apiVersion: "v1", subresource: "finalize" },
    ],
    [
      "DELETE",
      "/apis/apps/v1/namespaces/a/deployments",
      "deletecollection",
      { resource: "deployments", namespace: "a", apiGroup: "apps", apiVersion: "v1" },
    ],
    ["DELETE", "/api/v1/nodes/a%2Fb", "delete", { resource: "nodes", name: "a/b", apiVersion: "v1" }],
    ["PATCH", "/api/v1/nodes/%zz", "patch", { resource: "nodes", name: "%zz", apiVersion: "v1" }],
    ["POST", "/", "post", undefined],
    ["POST", "/apis/apps", "post", undefined],
    ["POST", "/api/v1", "post", undefined],
  ];
  for (const [method, path, verb, object] of rows) {
    const found = objectReferenceOf(path);
    assert.deepEqual(found, object, path);
    assert.equal(verbOf(method, found), verb, path);
  }
});
