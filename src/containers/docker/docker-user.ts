/**
 * The rules that we keep in a table of somebody else's: they let connections to virtual addresses pass between Docker's
 * networks, which Docker isolates from each other, and from outside to containers that publish nothing.
 *
 * A packet that any base chain drops is dropped, whatever our own table says, so the only place for an exception is
 * the chain DOCKER-USER, which Docker makes for that and never writes to. It is changed through iptables, because a
 * rule of nft's own kind in there would make Docker's own iptables calls fail.
 */
import { changeRules, findChain, type FoundChain } from "./iptables.ts";
import { type NetworkSubnet, type Outside, passages } from "./passages.ts";

export interface DockerUserOptions {
  /** The ranges of virtual addresses: "10.96.0.0/16". */
  readonly serviceRanges: readonly string[];
  /** Virtual ports and addresses that are not in these ranges. @default {not known: rules of ours stay, but for `formerRanges`} */
  readonly outside?: Outside;
  /** Subnets that pass as a whole. @default {none} */
  readonly networks?: readonly NetworkSubnet[];
  /** Ranges that there were: their rules go, also those of a family that has no range any more. @default {[]} */
  readonly formerRanges?: readonly string[];
  /** The namespace of the engine's networks. @default {the caller's} */
  readonly netns?: string;
}

export type DockerUserState =
  /** The rule is there and was. */
  | "kept"
  /** It was not, or not where it works, and is now. */
  | "written"
  /** There is no chain DOCKER-USER: no Docker, or one that does not use iptables. */
  | "absent";

export const CHAIN = "DOCKER-USER";
/** By this comment we know our rules, of other ranges and earlier versions too. */
const COMMENT = "fairlead: connections to virtual addresses";

const PASSAGE = /--ctstate DNAT (.+) -m comment/;

/** The passages that rules of ours are for. */
function passagesIn(listing: string): string[] {
  return listing
    .split("\n")
    .filter((line) => line.includes(`"${COMMENT}"`))
    .flatMap((line) => PASSAGE.exec(line)?.[1] ?? []);
}

/** Both directions of a connection that was translated and that was made to what `passage` says. */
function ruleFor(passage: string): string {
  return `-m conntrack --ctstate DNAT ${passage} -m comment --comment "${COMMENT}" -j ACCEPT`;
}

export interface RuleChange {
  /** Numbers of rules to delete, the last first, so that the others keep theirs. */
  readonly remove: readonly number[];
  /** Passages whose rule is to be put in front. */
  readonly insert: readonly string[];
}

/**
 * What is to be done to a chain listed by `iptables -S` so that each passage has one rule of ours that is reached.
 * Rules of others in front of ours stay there (they are the user's own policy), unless one of them ends the chain for
 * every packet.
 */
export function planRules(listing: string, wanted: ReadonlySet<string>): RuleChange {
  const lines = listing.split("\n").filter((line) => line.startsWith(`-A ${CHAIN} `));
  const end = lines.findIndex((line) => /^-A \S+ -j \S+$/.test(line));
  const remove: number[] = [];
  const present = new Set<string>();
  for (const [i, line] of lines.entries()) {
    if (!line.includes(`"${COMMENT}"`)) continue;
    const passage = PASSAGE.exec(line)?.[1] ?? "";
    const isRight = wanted.has(passage) && !present.has(passage) && (end < 0 || i < end);
    if (isRight) present.add(passage);
    else remove.unshift(i + 1);
  }
  return { remove, insert: [...wanted.difference(present)] };
}

/** Makes the rules be there, for the ranges and ports of each family. Throws if iptables refuses. */
export async function assertDockerUser({
  serviceRanges,
  outside,
  networks = [],
  formerRanges = [],
  netns,
}: DockerUserOptions): Promise<DockerUserState> {
  let state: DockerUserState = "absent";
  for (const family of [4, 6] as const) {
    const wanted = new Set(passages(family, serviceRanges, outside, networks));
    const concerned = wanted.size > 0 || passages(family, formerRanges).length > 0;
    const found = concerned ? await findChain(family, "filter", CHAIN, netns) : undefined;
    if (found === undefined) continue;
    if (outside === undefined) {
      const former = new Set(passages(family, formerRanges));
      for (const passage of passagesIn(found.listing)) if (!former.has(passage)) wanted.add(passage);
    }
    const changed = await apply(found, planRules(found.listing, wanted), netns);
    if (changed || state === "absent") state = changed ? "written" : "kept";
  }
  return state;
}

/** Takes all our rules away. */
export async function removeDockerUser(netns: string | undefined): Promise<void> {
  for (const family of [4, 6] as const) {
    const found = await findChain(family, "filter", CHAIN, netns);
    if (found !== undefined) await apply(found, planRules(found.listing, new Set()), netns);
  }
}

/** All in one transaction: no packet sees a part of it. */
async function apply(
  { program }: FoundChain,
  change: RuleChange,
  netns: string | undefined,
): Promise<boolean> {
  const lines = [
    ...change.remove.map((number) => `-D ${CHAIN} ${number}`),
    ...change.insert.map((passage) => `-I ${CHAIN} 1 ${ruleFor(passage)}`),
  ];
  if (lines.length > 0) await changeRules(program, "filter", lines, netns);
  return lines.length > 0;
}

/**
 * Whether Docker drops what is addressed to a container and does not come from its own bridge, before any translation: newer
 * ones do (28 and on; 28.0 for published ports only, which is no harm), unless direct routing is allowed (moby,
 * bridge/internal/iptabler/endpoint.go). That takes the answers of containers on one network to those on another, too.
 */
export async function dropsDirectAccess(netns: string | undefined): Promise<boolean> {
  for (const family of [4, 6] as const) {
    const found = await findChain(family, "raw", "PREROUTING", netns);
    if (found !== undefined && /^-A PREROUTING -d \S+ ! -i \S+ -j DROP$/m.test(found.listing)) return true;
  }
  return false;
}
