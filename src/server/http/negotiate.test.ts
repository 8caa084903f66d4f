import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../api/api-error.ts";
import { chooseRepresentation, type Offer, wantsPretty } from "./negotiate.ts";

const EVERYTHING: Offer = { protobuf: true, table: true, watch: false };

test("the first acceptable form that can be made is chosen", () => {
  const table: [accept: string | undefined, chosen: string][] = [
    [undefined, "json object v1"],
    ["*/*", "json object v1"],
    ["application/*", "json object v1"],
    ["application/json", "json object v1"],
    ["application/yaml", "yaml object v1"],
    ["application/vnd.kubernetes.protobuf,application/json", "protobuf object v1"],
    ["application/vnd.kubernetes.protobuf, */*", "protobuf object v1"],
    ["*/*, application/yaml", "yaml object v1"],
    ["text/html, */*;q=0.1", "json object v1"],
    // kubectl get
    [
      "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
      "json table v1",
    ],
    ["application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", "json table v1beta1"],
    ["application/json;as=Table;v=v7;g=meta.k8s.io,application/json", "json object v1"],
    ["application/json;as=toString,application/json", "json object v1"],
    ["application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", "json metadataList v1"],
    // client-go's metadata informers
    [
      "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
      "protobuf metadata v1",
    ],
    ["application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1,application/json", "json object v1"],
    ["application/json;q=0.5,application/yaml", "yaml object v1"],
    ["application/json;stream=watch", "json object v1"],
  ];
  for (const [accept, chosen] of table) {
    const { encoding, view, version } = chooseRepresentation(accept, EVERYTHING);
    assert.equal(`${encoding} ${view} ${version}`, chosen, accept);
  }
  assert.equal(
    chooseRepresentation("application/vnd.kubernetes.protobuf,application/json", {
      protobuf: false,
      table: true,
      watch: false,
    }).encoding,
    "json",
  );
});

test("nothing acceptable is a 406 that lists what there is", () => {
  const table: [accept: string, offer: Offer, offered: string][] = [
    ["text/html", EVERYTHING, "application/json, application/yaml, application/vnd.kubernetes.protobuf"],
    [
      "application/json;q=0",
      EVERYTHING,
      "application/json, application/yaml, application/vnd.kubernetes.protobuf",
    ],
    [
      "application/yaml",
      { protobuf: true, table: true, watch: true },
      "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch",
    ],
    [
      "application/vnd.kubernetes.protobuf",
      { protobuf: false, table: true, watch: false },
      "application/json, application/yaml",
    ],
    [
      "application/json;as=Table;v=v1;g=meta.k8s.io",
      { protobuf: true, table: false, watch: false },
      "application/json, application/yaml, application/vnd.kubernetes.protobuf",
    ],
  ];
  for (const [accept, offer, offered] of table)
    assert.throws(
      () => chooseRepresentation(accept, offer),
      (error) =>
        error instanceof ApiError &&
        error.code === 406 &&
        error.reason === "NotAcceptable" &&
        error.message === `only the following media types are accepted: ${offered}`,
      accept,
    );
});

test("people get indented JSON, programs when they ask", () => {
  const table: [query: string, userAgent: string | undefined, pretty: boolean][] = [
    ["", undefined, false],
    ["", "kubectl/v1.33.0", false],
    ["", "curl/8.5.0", true],
    ["pretty=false", "curl/8.5.0", false],
    ["pretty=true", "kubectl/v1.33.0", true],
    ["pretty=1", undefined, true],
    ["pretty=yes", undefined, false],
  ];
  for (const [query, userAgent, pretty] of table)
    assert.equal(
      wantsPretty({ query: new URLSearchParams(query), header: () => userAgent }),
      pretty,
      `${query} ${userAgent}`,
    );
});
