/**
 * What kubectl 1.33 makes of strategic merge patches: recorded from `kubectl patch --local --type=strategic -o json`
 * on POD. Each row is the patch and the fields of the result that it touched, or the error.
 */
export const POD: Record<string, unknown> = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", labels: { a: "1", b: "2" }, finalizers: ["x/a", "x/b", "x/c"] },
  spec: {
    containers: [
      {
        name: "a",
        image: "ia",
        env: [
          { name: "E1", value: "1" },
          { name: "E2", value: "2" },
        ],
        ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        args: ["1", "2"],
      },
      { name: "b", image: "ib" },
      { name: "c", image: "ic" },
    ],
    volumes: [
      { name: "v1", emptyDir: {} },
      { name: "v2", hostPath: { path: "/x" } },
    ],
    tolerations: [{ key: "k1" }, { key: "k2" }],
    nodeSelector: { d: "1", e: "2" },
  },
};

export interface RecordedPatch {
  readonly patch: unknown;
  /** The result, by path; absent parts are as in POD. */
  readonly metadata?: unknown;
  readonly spec?: unknown;
  readonly error?: string;
}

export const RECORDED: readonly RecordedPatch[] = [
  {
    patch: { spec: { containers: [{ name: "d", image: "id" }] } },
    spec: {
      containers: [
        { image: "id", name: "d" },
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
        { image: "ib", name: "b" },
        { image: "ic", name: "c" },
      ],
    },
  },
  {
    patch: { spec: { containers: [{ name: "b", image: "new" }] } },
    spec: {
      containers: [
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
        { image: "new", name: "b" },
        { image: "ic", name: "c" },
      ],
    },
  },
  {
    patch: {
      spec: {
        containers: [
          { name: "c", image: "nc" },
          { name: "a", image: "na" },
        ],
      },
    },
    spec: {
      containers: [
        { image: "ib", name: "b" },
        { image: "nc", name: "c" },
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "na",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
      ],
    },
  },
  {
    patch: { spec: { containers: [{ name: "b", $patch: "delete" }] } },
    spec: {
      containers: [
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
        { image: "ic", name: "c" },
      ],
    },
  },
  {
    patch: { spec: { containers: [{ $patch: "replace" }, { name: "z", image: "z" }] } },
    spec: { containers: [{ image: "z", name: "z" }] },
  },
  {
    patch: { spec: { containers: [{ $patch: "replace", name: "z", image: "z" }] } },
    spec: { containers: [] },
  },
  {
    patch: { spec: { containers: [{ name: "a", $patch: "replace", image: "only" }] } },
    spec: { containers: [] },
  },
  {
    patch: {
      spec: {
        containers: [
          {
            name: "a",
            env: [
              { name: "E2", value: "x" },
              { name: "E0", value: "0" },
            ],
          },
        ],
      },
    },
    spec: {
      containers: [
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "x" },
            { name: "E0", value: "0" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
        { image: "ib", name: "b" },
        { image: "ic", name: "c" },
      ],
    },
  },
  {
    patch: { spec: { containers: [{ name: "a", args: ["9"] }] } },
    spec: {
      containers: [
        {
          args: ["9"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
        { image: "ib", name: "b" },
        { image: "ic", name: "c" },
      ],
    },
  },
  {
    patch: { spec: { containers: [{ name: "a", ports: [{ containerPort: 81, $patch: "delete" }] }] } },
    spec: {
      containers: [
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }],
        },
        { image: "ib", name: "b" },
        { image: "ic", name: "c" },
      ],
    },
  },
  { patch: { spec: { tolerations: [{ key: "k9" }] } }, spec: { tolerations: [{ key: "k9" }] } },
  { patch: { spec: { tolerations: null } }, spec: { tolerations: null } },
  { patch: { spec: { nodeSelector: { $patch: "replace", z: "9" } } }, spec: { nodeSelector: { z: "9" } } },
  { patch: { spec: { nodeSelector: { $patch: "delete" } } }, spec: { nodeSelector: {} } },
  { patch: { spec: { nodeSelector: { d: null, f: "3" } } }, spec: { nodeSelector: { e: "2", f: "3" } } },
  { patch: { metadata: { labels: { a: null, c: "3" } } }, metadata: { labels: { b: "2", c: "3" } } },
  {
    patch: { metadata: { finalizers: ["x/d", "x/a"] } },
    metadata: { finalizers: ["x/d", "x/a", "x/b", "x/c"] },
  },
  {
    patch: { metadata: { "$deleteFromPrimitiveList/finalizers": ["x/b"] } },
    metadata: { finalizers: ["x/a", "x/c"] },
  },
  {
    patch: { metadata: { "$deleteFromPrimitiveList/finalizers": ["x/b"], finalizers: ["x/e"] } },
    metadata: { finalizers: ["x/e", "x/a", "x/c"] },
  },
  {
    patch: { metadata: { "$setElementOrder/finalizers": ["x/c", "x/a"] } },
    metadata: { finalizers: ["x/b", "x/c", "x/a"] },
  },
  {
    patch: { metadata: { "$setElementOrder/finalizers": ["x/c", "x/n", "x/a"], finalizers: ["x/n"] } },
    metadata: { finalizers: ["x/b", "x/c", "x/n", "x/a"] },
  },
  {
    patch: {
      metadata: {
        "$deleteFromPrimitiveList/finalizers": ["x/b"],
        "$setElementOrder/finalizers": ["x/c", "x/a"],
      },
    },
    metadata: { finalizers: ["x/c", "x/a"] },
  },
  {
    patch: { spec: { "$setElementOrder/containers": [{ name: "c" }, { name: "a" }, { name: "b" }] } },
    spec: {
      containers: [
        { image: "ic", name: "c" },
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
        { image: "ib", name: "b" },
      ],
    },
  },
  {
    patch: {
      spec: {
        "$setElementOrder/containers": [{ name: "c" }, { name: "n" }, { name: "a" }],
        containers: [{ name: "n", image: "in" }],
      },
    },
    spec: {
      containers: [
        { image: "ib", name: "b" },
        { image: "ic", name: "c" },
        { image: "in", name: "n" },
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
      ],
    },
  },
  {
    patch: {
      spec: {
        "$setElementOrder/containers": [{ name: "a" }, { name: "c" }],
        containers: [
          { name: "b", $patch: "delete" },
          { name: "c", image: "2" },
        ],
      },
    },
    spec: {
      containers: [
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
        { image: "2", name: "c" },
      ],
    },
  },
  {
    patch: { spec: { volumes: [{ name: "v2", $retainKeys: ["name", "emptyDir"], emptyDir: {} }] } },
    spec: {
      volumes: [
        { emptyDir: {}, name: "v1" },
        { emptyDir: {}, name: "v2" },
      ],
    },
  },
  {
    patch: { spec: { volumes: [{ name: "v2", $retainKeys: ["name"], emptyDir: {} }] } },
    error: "invalid patch format of retainKeys",
  },
  {
    patch: {
      spec: { volumes: [{ name: "v3", $retainKeys: ["name", "emptyDir"], emptyDir: { medium: null } }] },
    },
    spec: {
      volumes: [
        { $retainKeys: ["name", "emptyDir"], emptyDir: { medium: null }, name: "v3" },
        { emptyDir: {}, name: "v1" },
        { hostPath: { path: "/x" }, name: "v2" },
      ],
    },
  },
  {
    patch: { spec: { containers: [{ image: "nokey" }] } },
    error: "map: map[image:nokey] does not contain declared merge key: name",
  },
  {
    patch: { spec: { containers: [{ name: "a", $patch: "bogus" }] } },
    error: "unknown patch type: bogus in map: map[$patch:bogus name:a]",
  },
  { patch: { spec: { $patch: "bogus" } }, error: "unknown patch type: bogus in map: map[$patch:bogus]" },
  {
    patch: { spec: { containers: [{ $patch: "delete" }] } },
    error: "map: map[$patch:delete] does not contain declared merge key: name",
  },
  { patch: { spec: { containers: "x" } }, spec: { containers: "x" } },
  {
    patch: { spec: { $patch: "replace", containers: [{ name: "only", image: "o" }] } },
    spec: {
      containers: [{ image: "o", name: "only" }],
      nodeSelector: null,
      tolerations: null,
      volumes: null,
    },
  },
  { patch: { spec: { affinity: { nodeAffinity: { x: null } } } }, spec: { affinity: { nodeAffinity: {} } } },
  {
    patch: { spec: { securityContext: { runAsUser: null, $patch: "merge", runAsGroup: 5 } } },
    spec: { securityContext: null },
  },
  {
    patch: { spec: { containers: [{ name: "a", env: null }] } },
    spec: {
      containers: [
        {
          args: ["1", "2"],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
        },
        { image: "ib", name: "b" },
        { image: "ic", name: "c" },
      ],
    },
  },
  {
    patch: { spec: { containers: [{ name: "a", resources: { limits: { cpu: "1" }, requests: null } }] } },
    spec: {
      containers: [
        {
          args: ["1", "2"],
          env: [
            { name: "E1", value: "1" },
            { name: "E2", value: "2" },
          ],
          image: "ia",
          name: "a",
          ports: [{ containerPort: 80, name: "http" }, { containerPort: 81 }],
          resources: { limits: { cpu: "1" } },
        },
        { image: "ib", name: "b" },
        { image: "ic", name: "c" },
      ],
    },
  },
  {
    patch: { spec: { hostAliases: [{ ip: "1.1.1.1", hostnames: ["a"], $patch: "delete" }] } },
    spec: { hostAliases: [] },
  },
  {
    patch: {
      spec: {
        hostAliases: [
          { ip: "1.1.1.1", hostnames: ["a"] },
          { ip: "2.2.2.2", $patch: "delete" },
        ],
      },
    },
    spec: { hostAliases: [{ hostnames: ["a"], ip: "1.1.1.1" }] },
  },
  { patch: { spec: { initContainers: [{ name: "i", $patch: "delete" }] } }, spec: { initContainers: [] } },
  {
    patch: {
      spec: {
        "$setElementOrder/containers": [{ name: "b" }, { name: "c" }],
        containers: [
          { name: "c", image: "1" },
          { name: "b", image: "2" },
        ],
      },
    },
    error:
      "The order in patch list:\n[map[image:1 name:c] map[image:2 name:b]]\n doesn't match $setElementOrder list:\n[map[name:b] map[name:c]]",
  },
  {
    patch: {
      spec: { "$setElementOrder/containers": [{ name: "a" }], containers: [{ name: "b", image: "2" }] },
    },
    error:
      "The order in patch list:\n[map[image:2 name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]",
  },
];
