/** The rules in DOCKER-USER through the real iptables programs, in a chain as Docker makes it, without an engine. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { assertDockerUser, removeDockerUser } from "../src/containers/docker/docker-user.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { needsDocker } from "./lab/docker-engine.ts";
import { testNetns } from "./lab/netns.ts";

const RANGE = { 4: "10.96.0.0/16", 6: "fd96::/112" } as const;
const PROGRAM = { 4: "iptables", 6: "ip6tables" } as const;
const THEIRS = { 4: "-s 192.0.2.66/32 -j DROP", 6: "-s 2001:db8::66/128 -j DROP" } as const;

describe("rules in DOCKER-USER", { skip: needsDocker() }, () => {
  for (const family of [4, 6] as const)
    test(`IPv${family}: what is outside of the ranges changes in one transaction, among the user's rules, and stays while it is not known`, async () => {
      using netns = testNetns("rules");
      const iptables = (...args: string[]): string =>
        callInNetns(netns.name, () => execFileSync(PROGRAM[family], ["-w", ...args], { encoding: "utf8" }));
      const rules = (): string[] =>
        iptables("-S", "DOCKER-USER")
          .split("\n")
          .filter((line) => line.startsWith("-A"));
      const passing = (): string[] => rules().flatMap((rule) => /--ctorigdst (\S+)/.exec(rule)?.[1] ?? []);
      iptables("-N", "DOCKER-USER");
      iptables("-A", "DOCKER-USER", "-j", "RETURN");
      iptables("-I", "DOCKER-USER", "1", ...THEIRS[family].split(" "));

      const at = (n: number): string => (family === 4 ? `100.2.1.${n}` : `fd64::${n.toString(16)}`);
      const options = { serviceRanges: [RANGE[family]], netns: netns.name };
      const outside = { ports: [], addresses: Array.from({ length: 100 }, (_, i) => at(i + 3)) };
      assert.equal(await assertDockerUser({ ...options, outside }), "written");
      const sizes = [0, 2, 3, 4, 5, 5, 2, 1, 0].map((bits) => (family === 4 ? 32 : 128) - bits);
      const cover = [3, 4, 8, 16, 32, 64, 96, 100, 102].map((n, i) => `${at(n)}/${sizes[i]!}`);
      const listed = cover.map((text) => text.replace(family === 4 ? /\/32$/ : /\/128$/, ""));
      assert.deepEqual(passing().sort(), [RANGE[family], ...listed].sort());
      assert.equal(await assertDockerUser({ ...options, outside }), "kept");
      assert.equal(await assertDockerUser(options), "kept", "not known");

      // Their rules stay where they are, each before and after those of ours that are in front of it.
      const wanted = { ports: [], addresses: [at(4), at(200)] };
      iptables("-I", "DOCKER-USER", "5", ...THEIRS[family].split(" "));
      assert.equal(await assertDockerUser({ ...options, outside: wanted }), "written");
      assert.deepEqual(passing().sort(), [RANGE[family], at(4), at(200)].sort());
      const others = rules().filter((rule) => !rule.includes("fairlead"));
      assert.deepEqual(others, [
        `-A DOCKER-USER ${THEIRS[family]}`,
        `-A DOCKER-USER ${THEIRS[family]}`,
        "-A DOCKER-USER -j RETURN",
      ]);
      assert.equal(await assertDockerUser({ ...options, outside: wanted }), "kept");

      await removeDockerUser(netns.name);
      assert.deepEqual(rules(), others);
    });
});
