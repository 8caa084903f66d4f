/** A network namespace is made with its loopback interface down, and some stay so: what the data plane does there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Log, silentLog } from "../src/base/log.ts";
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import { ROUTE_PROTOCOL } from "../src/dataplane/nftables/route.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";

const TABLE = { ports: new Map(), ranges: ["10.96.0.0/16", "fd96::/112"] };

test(
  "with the loopback interface down everything but routes over it is programmed, and it is said",
  {
    skip: needsNetns(),
  },
  async () => {
    using netns = testNetns("lodown");
    using routes = await RouteSocket.open({ netns: netns.name });
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (_fields, message) => void warnings.push(message) };
    const ours = (): number =>
      ([4, 6] as const).flatMap((family) => routes.routes({ family, protocol: ROUTE_PROTOCOL })).length;

    await using dataPlane = await createNftablesDataPlane({ netns: netns.name, log });
    assert.deepEqual(
      warnings.filter((sentence) => sentence.includes("ip link set lo up")).length,
      1,
      "what to do",
    );
    assert.ok((await dataPlane.sync(TABLE)).written > 0);
    assert.equal(ours(), 0);

    routes.setLink("lo", { up: true });
    assert.equal((await dataPlane.sync(TABLE)).written, 2);
    assert.equal(ours(), 2);
  },
);
