import { test } from "node:test";
import { localSubjectAccessReviewKind } from "../localsubjectaccessreview/kind.ts";
import { selfSubjectAccessReviewKind } from "../selfsubjectaccessreview/kind.ts";
import { checkCreates } from "../validation/complaints-table.ts";
import { subjectAccessReviewKind } from "./kind.ts";

const LIST = { verb: "list", resource: "pods" };
const EXACTLY_ONE =
  "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified";

test("a review asks about a resource or a path, for somebody, and has no metadata", () => {
  checkCreates(subjectAccessReviewKind, { spec: { user: "jane", resourceAttributes: LIST } }, [
    [{ spec: { user: null, groups: ["dev"] } }],
    [
      { spec: { user: null } },
      'spec.user: Invalid value: "": at least one of user or group must be specified',
    ],
    [{ spec: { resourceAttributes: null } }, EXACTLY_ONE],
    [{ spec: { resourceAttributes: null, nonResourceAttributes: { path: "/a", verb: "get" } } }],
    [
      { spec: { nonResourceAttributes: { path: "/a", verb: "get" } } },
      'spec.nonResourceAttributes: Invalid value: {"path":"/a","verb":"get"}: cannot be specified in combination with resourceAttributes',
    ],
    [{ metadata: { name: "a" } }, 'metadata: Invalid value: {"name":"a"}: must be empty'],
    [{ metadata: { managedFields: [{ manager: "m" }] } }],
    [{ spec: { resourceAttributes: { fieldSelector: { rawSelector: "a=b" } } } }],
    [
      { spec: { resourceAttributes: { fieldSelector: {} } } },
      "spec.resourceAttributes.fieldSelector.requirements: Required value: when fieldSelector is specified, requirements or rawSelector is required",
    ],
    [
      {
        spec: {
          resourceAttributes: {
            labelSelector: { rawSelector: "a", requirements: [{ key: "a", operator: "Exists" }] },
          },
        },
      },
      'spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a": may not specified at the same time as requirements',
    ],
  ]);
  checkCreates(selfSubjectAccessReviewKind, { spec: { resourceAttributes: LIST } }, [
    [{ spec: { resourceAttributes: null } }, EXACTLY_ONE],
    [{ metadata: { labels: { a: "b" } } }, 'metadata: Invalid value: {"labels":{"a":"b"}}: must be empty'],
  ]);
});

test("a local review is about its own namespace", () => {
  const good = {
    metadata: { namespace: "x" },
    spec: { user: "jane", resourceAttributes: { ...LIST, namespace: "x" } },
  };
  checkCreates(localSubjectAccessReviewKind, good, [
    [
      { spec: { resourceAttributes: { namespace: "y" } } },
      'spec.resourceAttributes.namespace: Invalid value: "y": must match metadata.namespace',
    ],
    [
      { spec: { resourceAttributes: null, nonResourceAttributes: { path: "/a" } } },
      'spec.nonResourceAttributes: Invalid value: {"path":"/a"}: disallowed on this kind of request',
    ],
    [
      { metadata: { name: "a" } },
      'metadata: Invalid value: {"name":"a","namespace":"x"}: must be empty except for namespace',
    ],
  ]);
});
