import assert from "node:assert/strict";
import { test } from "node:test";
import { watchByParameter } from "./watch-path.ts";

test("a watch by path is the watch by parameter", () => {
  const cases: readonly (readonly [path: string, same: string])[] = [
    ["/api/v1/watch/services", "/api/v1/services?watch=true"],
    ["/api/v1/watch/namespaces", "/api/v1/namespaces?watch=true"],
    ["/api/v1/watch/namespaces/x", "/api/v1/namespaces?watch=true&fieldSelector=metadata.name%3Dx"],
    ["/api/v1/watch/namespaces/x/services", "/api/v1/namespaces/x/services?watch=true"],
    [
      "/api/v1/watch/namespaces/x/services/web?fieldSelector=spec.type%3DNodePort",
      "/api/v1/namespaces/x/services?fieldSelector=spec.type%3DNodePort%2Cmetadata.name%3Dweb&watch=true",
    ],
    [
      "/apis/apps/v1/watch/deployments?resourceVersion=5",
      "/apis/apps/v1/deployments?resourceVersion=5&watch=true",
    ],
    ["/api/v1/services", "/api/v1/services"],
    ["/api/v1/namespaces/watch/services", "/api/v1/namespaces/watch/services"],
  ];
  for (const [text, expected] of cases) {
    const url = new URL(text, "http://x");
    const { path, query } = watchByParameter({ method: "GET", path: url.pathname, query: url.searchParams });
    assert.equal(query.size === 0 ? path : `${path}?${query.toString()}`, expected);
  }
});
