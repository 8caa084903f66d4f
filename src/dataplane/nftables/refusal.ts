/** What a refusal of the kernel means to a person, and what can be done. */
import type { Command } from "../../net/nftables/model.ts";
import { NetlinkError } from "../../sys/netlink-error.ts";
import { SystemError } from "../../sys/system-error.ts";
import { DataPlaneError } from "../dataplane.ts";

const NEEDS_RIGHTS = "run as root or with CAP_NET_ADMIN (in the network namespace that is programmed)";
const NEEDS_KERNEL =
  "use Linux 5.15 or newer with nf_tables, nf_nat and nf_conntrack (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, ...), or another data plane";

/** The DataPlaneError that says what `error` means; anything that is no refusal of the kernel stays as it is. */
export function explain(error: unknown, doing: string, commands: readonly Command[] = []): unknown {
  if (!(error instanceof NetlinkError || error instanceof SystemError)) return error;
  const message = (what: string): string => `${doing}: ${what}`;
  if (error.code === "EPERM" || error.code === "EACCES")
    return new DataPlaneError(message("not permitted"), { cause: error, remedy: NEEDS_RIGHTS });
  if (error instanceof SystemError) {
    const isMissing = error.code === "EPROTONOSUPPORT" || error.code === "EAFNOSUPPORT";
    if (!isMissing) return new DataPlaneError(message(error.message), { cause: error });
    return new DataPlaneError(message("this kernel has no netfilter"), {
      cause: error,
      remedy: NEEDS_KERNEL,
    });
  }
  // Message 0 is BATCH_BEGIN; commands without many elements are one message each.
  const command = commands[error.index - 1];
  const refused = command === undefined ? "" : ` (${describe(command)})`;
  if (error.code === "EINVAL" && commands.length === 0)
    return new DataPlaneError(message("this kernel has no nf_tables"), {
      cause: error,
      remedy: NEEDS_KERNEL,
    });
  if (error.code === "ENOENT" || error.code === "EOPNOTSUPP" || error.code === "EAFNOSUPPORT")
    return new DataPlaneError(
      message(`this kernel lacks something that is needed${refused}: ${error.message}`),
      {
        cause: error,
        remedy: NEEDS_KERNEL,
      },
    );
  return new DataPlaneError(message(`the kernel refused it${refused}: ${error.message}`), { cause: error });
}

function describe(command: Command): string {
  if ("table" in command) return `${command.op} ${command.table.name}`;
  if ("chain" in command) {
    const { chain } = command;
    return `${command.op} ${chain.name}${"base" in chain && chain.base ? `, type ${chain.base.type}` : ""}`;
  }
  if ("rule" in command) {
    const kinds =
      "expressions" in command.rule ? command.rule.expressions.map(({ type }) => type).join(", ") : "";
    return `${command.op} to ${command.rule.chain}: ${kinds}`;
  }
  return `${command.op} ${command.set.name}`;
}
