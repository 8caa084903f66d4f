/** Network namespaces for tests: with names of their own, removed whatever happens, and skipped by name without rights. */
import { randomBytes } from "node:crypto";
import { canUseNetns } from "../../src/sys/capability.ts";
import { createNetns, deleteNetns, netnsExists } from "../../src/sys/netns.ts";

/**
 * For `test(name, { skip: needsNetns() }, ...)`: why the test cannot run here, or false if it can.
 * In CI (CI=true) a missing right is an error, because there everything has to run.
 */
export function needsNetns(): string | false {
  if (canUseNetns()) return false;
  if (process.env["CI"] === "true")
    throw new Error("CI must run as root: these tests make network namespaces");
  return "needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN) to make network namespaces";
}

export interface TestNetns extends Disposable {
  readonly name: string;
}

/** A new namespace called `fltest-<role>-<random>`, with its loopback down; disposed it is gone. */
export function testNetns(role: string): TestNetns {
  const name = `fltest-${role}-${randomBytes(3).toString("hex")}`;
  createNetns(name);
  return {
    name,
    [Symbol.dispose]: () => {
      if (netnsExists(name)) deleteNetns(name);
    },
  };
}
