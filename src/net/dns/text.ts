/** Records and messages as lines of a zone file (RFC 1035 section 5.1), for people and for tests. */
import { formatIp, ipFromBytes } from "../../base/ip.ts";
import { rcodeName, Flag, Type, typeName } from "./constants.ts";
import type { Message } from "./message.ts";
import { nameText } from "./name.ts";
import type { ResourceRecord } from "./record.ts";

/** "web.default.svc.cluster.local. 5 IN A 10.96.0.20" */
export function recordText(record: ResourceRecord): string {
  return `${nameText(record.owner)} ${record.ttl} IN ${typeName(record.type)} ${rdataText(record)}`;
}

/**
 * A line with the rcode and the flags that are set, then each record in its order; those of the authority section
 * begin with "authority: ", those of the additional section with "additional: ". OPT is not shown.
 */
export function messageText(message: Message): string[] {
  const flags = (["AA", "TC", "RD", "RA", "AD", "CD"] as const).filter((flag) => message.flags & Flag[flag]);
  return [
    [rcodeName(message.rcode), ...flags].join(" "),
    ...message.answers.map(recordText),
    ...message.authority.map((record) => `authority: ${recordText(record)}`),
    ...message.additional
      .filter(({ type }) => type !== Type.OPT)
      .map((record) => `additional: ${recordText(record)}`),
  ];
}

function rdataText({ type, rdata }: ResourceRecord): string {
  const bytes = rdata.map((part) => (typeof part === "string" ? Buffer.alloc(0) : Buffer.from(part)));
  const [first = Buffer.alloc(0)] = bytes;
  switch (type) {
    case Type.A:
    case Type.AAAA:
      return formatIp(ipFromBytes(first));
    case Type.TXT:
    case Type.HINFO:
      return stringsText(first);
    case Type.MX:
      return `${first.readUInt16BE(0)} ${nameText(String(rdata[1]))}`;
    case Type.SRV:
      return `${[0, 2, 4].map((at) => first.readUInt16BE(at)).join(" ")} ${nameText(String(rdata[1]))}`;
    case Type.SOA: {
      const numbers = [0, 4, 8, 12, 16].map((at) => bytes[2]!.readUInt32BE(at));
      return [nameText(String(rdata[0])), nameText(String(rdata[1])), ...numbers].join(" ");
    }
    default:
      if (typeof rdata[0] === "string") return nameText(rdata[0]);
      // RFC 3597 section 5.
      return `\\# ${first.length} ${first.toString("hex")}`.trimEnd();
  }
}

function stringsText(bytes: Buffer): string {
  const strings: string[] = [];
  for (let at = 0; at < bytes.length; at += 1 + bytes[at]!)
    strings.push(JSON.stringify(bytes.toString("latin1", at + 1, at + 1 + bytes[at]!)));
  return strings.join(" ");
}
