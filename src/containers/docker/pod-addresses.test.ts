import assert from "node:assert/strict";
import { test } from "node:test";
import { container, type ContainerParts } from "./container-fixture.ts";
import { type AddressContext, podAddresses } from "./pod-addresses.ts";

const others = new Map([
  ["c1", container({ id: "c1", name: "owner", networks: { front: { IPAddress: "10.1.1.9" } } })],
  ["c2", container({ id: "c2", name: "stopped", state: { Running: false, Status: "exited" } })],
  ["c3", container({ id: "c3", name: "loop", host: { NetworkMode: "container:c3" } })],
]);
const context: AddressContext = {
  nodeAddresses: ["192.0.2.1", "192.0.2.2", "2001:db8::1"],
  container: (id) => others.get(id),
};

const TWO = {
  back: { NetworkID: "n-back", IPAddress: "10.2.2.4" },
  front: { NetworkID: "n-front", IPAddress: "10.1.1.4" },
};
const label = (network: string): ContainerParts["config"] => ({
  Labels: { "fairlead.dev/network": network },
});

test("which address a container's Pod has", () => {
  const table: [string, ContainerParts, string, string?][] = [
    ["one network", {}, "172.17.0.2", "bridge"],
    ["several: the first by name", { networks: TWO }, "10.2.2.4", "back"],
    [
      "several: the one of docker run",
      { networks: TWO, host: { NetworkMode: "front" } },
      "10.1.1.4",
      "front",
    ],
    ["by its id", { networks: TWO, host: { NetworkMode: "n-front" } }, "10.1.1.4", "front"],
    [
      "disconnected from the first",
      { networks: { front: TWO.front }, host: { NetworkMode: "back" } },
      "10.1.1.4",
      "front",
    ],
    [
      "the first has no address",
      { networks: { ...TWO, a: { IPAddress: "" } }, host: { NetworkMode: "a" } },
      "10.2.2.4",
      "back",
    ],
    [
      "default means bridge",
      { networks: { ...TWO, bridge: { IPAddress: "172.17.0.9" } } },
      "172.17.0.9",
      "bridge",
    ],
    [
      "the label decides",
      { networks: TWO, host: { NetworkMode: "back" }, config: label("front")! },
      "10.1.1.4",
      "front",
    ],
    [
      "both families",
      { networks: { n: { IPAddress: "10.1.1.4", GlobalIPv6Address: "fd10::4" } } },
      "10.1.1.4 fd10::4",
      "n",
    ],
    ["IPv6 only", { networks: { n: { IPAddress: "", GlobalIPv6Address: "fd10::4" } } }, "fd10::4", "n"],
    [
      "the host's",
      { host: { NetworkMode: "host" }, networks: { host: {} } },
      "192.0.2.1 2001:db8::1",
      "host",
    ],
    ["another container's", { host: { NetworkMode: "container:c1" }, networks: {} }, "10.1.1.9", "front"],
  ];
  for (const [what, parts, addresses, network] of table) {
    const got = podAddresses(container(parts), context);
    assert.equal(got.addresses.join(" "), addresses, what);
    assert.equal(got.network, network, what);
    assert.equal(got.missing, undefined, what);
  }
});

test("why a container has no address", () => {
  const table: [ContainerParts, RegExp][] = [
    [{ networks: {}, host: { NetworkMode: "none" } }, /^it is on no network$/],
    [{ networks: { none: { IPAddress: "" } }, host: { NetworkMode: "none" } }, /^it is on no network$/],
    [{ networks: { n: {} }, host: { NetworkMode: "n" } }, /^it has no address on n$/],
    [{ networks: TWO, config: label("side")! }, /names the network side, and it is on back, front$/],
    [{ networks: { side: {} }, config: label("side")! }, /^it has no address on the network side$/],
    [{ host: { NetworkMode: "container:gone" } }, /container gone, which is not there$/],
    [{ host: { NetworkMode: "container:c2" } }, /container stopped, which does not run$/],
    [{ host: { NetworkMode: "container:c3" } }, /container c3, which is not there$/],
  ];
  for (const [parts, why] of table) {
    const got = podAddresses(container(parts), context);
    assert.deepEqual(got.addresses, []);
    assert.match(got.missing ?? "", why);
  }
  const nowhere = podAddresses(container({ host: { NetworkMode: "host" } }), {
    ...context,
    nodeAddresses: [],
  });
  assert.equal(nowhere.missing, "the node has no address");
});
