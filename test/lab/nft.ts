/** The nft program, run inside a namespace: the peer that our own reading and writing of nf_tables is held against. */
import { execFileSync } from "node:child_process";
import { callInNetns } from "../../src/sys/netns.ts";

/** Runs `nft COMMAND`; its output. Throws with what nft said. */
export function nft(netns: string, command: string, options: readonly string[] = []): string {
  return callInNetns(netns, () =>
    execFileSync("nft", [...options, command], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
}

/** Runs `nft -f -` with `script` as its input. Throws with what nft said. */
export function nftScript(netns: string, script: string): void {
  callInNetns(netns, () =>
    execFileSync("nft", ["-f", "-"], { input: script, stdio: ["pipe", "ignore", "pipe"] }),
  );
}

/** The lines that are not empty. */
export function nftLines(netns: string, command: string): string[] {
  return nft(netns, command)
    .split("\n")
    .filter((line) => line.trim() !== "");
}

/** What `nft --json COMMAND` lists: one object for each table, chain, rule, set and map. */
export function nftJson(netns: string, command: string): Record<string, Record<string, unknown>>[] {
  const listing = JSON.parse(nft(netns, command, ["--json"])) as {
    nftables: Record<string, Record<string, unknown>>[];
  };
  return listing.nftables.filter((object) => !("metainfo" in object));
}
