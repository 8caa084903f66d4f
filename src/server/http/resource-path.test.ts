import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../api/kinds.ts";
import { ResourcePaths } from "./resource-path.ts";

test("paths name collections, objects and subresources", () => {
  const paths = new ResourcePaths(kinds);
  const table: [path: string, names: string | undefined][] = [
    ["/api/v1/services", "services - - -"],
    ["/api/v1/namespaces/a/services", "services a - -"],
    ["/api/v1/namespaces/a/services/", "services a - -"],
    ["/api/v1/namespaces/a/services/web", "services a web -"],
    ["/api/v1/namespaces/a/services/web/status", "services a web status"],
    ["/api/v1/namespaces/a/services/web%2d1", "services a web-1 -"],
    ["/api/v1/namespaces", "namespaces - - -"],
    ["/api/v1/namespaces/a", "namespaces - a -"],
    ["/api/v1/namespaces/a/status", "namespaces - a status"],
    ["/api/v1/namespaces/a/finalize", "namespaces - a finalize"],
    ["/api/v1/nodes/n1", "nodes - n1 -"],
    ["/apis/discovery.k8s.io/v1/namespaces/a/endpointslices/x", "endpointslices a x -"],
    ["/api/v1/services/web", undefined],
    ["/api/v1/namespaces/a/nodes/n1", undefined],
    ["/api/v1/namespaces/a/services/web/status/more", undefined],
    ["/api/v1/namespaces//services", undefined],
    ["/api/v1/namespaces/a/services/%zz", undefined],
    ["/api/v1/namespaces/a/services/b%2fstatus", undefined],
    ["/api/v1/namespaces/a%2Fservices", undefined],
    ["/api/v2/services", undefined],
    ["/apis/v1/services", undefined],
    ["/services", undefined],
    ["/", undefined],
  ];
  for (const [path, names] of table) {
    const found = paths.resolve(path);
    const { kind, namespace = "-", name = "-", subresource = "-" } = found ?? {};
    assert.equal(found && `${kind!.plural} ${namespace} ${name} ${subresource}`, names, path);
  }
});
