import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiError } from "./api-error.ts";
import { invalidValue, required } from "./field-error.ts";
import * as errors from "./status-errors.ts";

const SERVICES = { group: "", plural: "services" };
const SLICES = { group: "discovery.k8s.io", plural: "endpointslices" };

test("codes, reasons and sentences are Kubernetes'", () => {
  const rows: [ApiError, string][] = [
    [errors.notFound(SERVICES, "a"), '404 NotFound services "a" not found'],
    [errors.notFound(SLICES, "a"), '404 NotFound endpointslices.discovery.k8s.io "a" not found'],
    [errors.pathNotFound(), "404 NotFound the server could not find the requested resource"],
    [errors.alreadyExists(SERVICES, "a"), '409 AlreadyExists services "a" already exists'],
    [
      errors.conflict(SERVICES, "a"),
      '409 Conflict Operation cannot be fulfilled on services "a": the object has been modified; please apply your changes to the latest version and try again',
    ],
    [errors.badRequest("no"), "400 BadRequest no"],
    [errors.unauthorized(), "401 Unauthorized Unauthorized"],
    [errors.forbidden(SERVICES, "a", "no"), '403 Forbidden services "a" is forbidden: no'],
    [errors.forbidden(SERVICES, "", "no"), "403 Forbidden services is forbidden: no"],
    [
      errors.methodNotSupported(SERVICES, "patch"),
      '405 MethodNotAllowed patch is not supported on resources of kind "services"',
    ],
    [errors.tooOldResourceVersion(5, 9), "410 Expired too old resource version: 5 (9)"],
    [errors.tooLargeResourceVersion(9, 5), "504 Timeout Timeout: Too large resource version: 9, current: 5"],
    [
      errors.unsupportedMediaType(["a/b", "c/d"]),
      "415 UnsupportedMediaType the body of the request was in an unknown format - accepted media types include: a/b, c/d",
    ],
    [errors.notAcceptable(["a/b"]), "406 NotAcceptable only the following media types are accepted: a/b"],
    [errors.requestEntityTooLarge(9), "413 RequestEntityTooLarge Request entity too large: limit is 9"],
    [errors.tooManyRequests("slow", 1), "429 TooManyRequests slow"],
    [errors.internalError("x"), "500 InternalError Internal error occurred: x"],
    [errors.timeout("x", 1), "504 Timeout Timeout: x"],
    [
      errors.invalid({ group: "", kind: "Service" }, "a", [required("spec.ports")]),
      '422 Invalid Service "a" is invalid: spec.ports: Required value',
    ],
    [
      errors.invalid({ group: "discovery.k8s.io", kind: "EndpointSlice" }, "a", [
        required("x"),
        invalidValue("y", 5, "too big"),
      ]),
      '422 Invalid EndpointSlice.discovery.k8s.io "a" is invalid: [x: Required value, y: Invalid value: 5: too big]',
    ],
  ];
  for (const [error, text] of rows) assert.equal(`${error.code} ${error.reason} ${error.message}`, text);
});

test("a Status goes over the wire whole", () => {
  assert.deepEqual(errors.notFound(SLICES, "a").status, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: 'endpointslices.discovery.k8s.io "a" not found',
    reason: "NotFound",
    details: { name: "a", group: "discovery.k8s.io", kind: "endpointslices" },
    code: 404,
  });
  assert.deepEqual(
    errors.invalid({ group: "", kind: "Service" }, "a", [required("spec.ports", "why")]).status.details,
    {
      name: "a",
      kind: "Service",
      causes: [{ reason: "FieldValueRequired", message: "Required value: why", field: "spec.ports" }],
    },
  );
});
