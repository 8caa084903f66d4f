import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../api/api-error.ts";
import { chooseRepresentation } from "./negotiate.ts";

test("the first acceptable form that can be made is chosen", () => {
  const table: [accept: string | undefined, chosen: string][] = [
    [undefined, "json object v1"],
    ["*/*", "json object v1"],
    ["application/json", "json object v1"],
    ["application/yaml", "yaml object v1"],
    ["application/vnd.kubernetes.protobuf,application/json", "json object v1"],
    ["application/vnd.kubernetes.protobuf, */*", "json object v1"],
    // kubectl get
    [
      "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
      "json table v1",
    ],
    ["application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", "json table v1beta1"],
    ["application/json;as=Table;v=v7;g=meta.k8s.io,application/json", "json object v1"],
    ["application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", "json metadata v1"],
    ["application/json;q=0.5,application/yaml", "yaml object v1"],
    ["application/json;stream=watch", "json object v1"],
  ];
  for (const [accept, chosen] of table) {
    const { encoding, view, version } = chooseRepresentation(accept);
    assert.equal(`${encoding} ${view} ${version}`, chosen, accept);
  }
});

test("nothing acceptable is a 406", () => {
  for (const accept of ["application/vnd.kubernetes.protobuf", "text/html", "application/json;q=0"])
    assert.throws(
      () => chooseRepresentation(accept),
      (error) => error instanceof ApiError && error.code === 406 && error.reason === "NotAcceptable",
      accept,
    );
});
