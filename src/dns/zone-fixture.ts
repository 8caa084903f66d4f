/** For tests: a cluster's objects in few words, and questions to its names as lines of text. */
import type { Endpoint, EndpointPort, EndpointSlice } from "../api/endpointslice/type.ts";
import type { Service, ServicePort, ServiceSpec } from "../api/service/type.ts";
import { cidr } from "../base/ip.ts";
import { Flag, MAX_MESSAGE, Type } from "../net/dns/constants.ts";
import { readMessage } from "../net/dns/message.ts";
import { name } from "../net/dns/name.ts";
import { questionMessage, type QuestionOptions } from "../net/dns/query.ts";
import { messageText } from "../net/dns/text.ts";
import { ClusterZone, type ClusterZoneOptions } from "./cluster-zone.ts";
import { ELSEWHERE, Responder, type Transport } from "./responder.ts";

type Port = ServicePort & EndpointPort;

/** "http 80/TCP", or "80/TCP" without a name. */
function port(text: string): Port {
  const [, label, number, protocol] = /^(?:(\S+) )?(\d+)\/(TCP|UDP|SCTP)$/.exec(text)!;
  return { ...(label !== undefined && { name: label }), port: Number(number), protocol: protocol as "TCP" };
}

/** `at` is "namespace/name". Addresses "None" make it headless. */
export function service(
  at: string,
  addresses: readonly string[],
  ports: readonly string[] = [],
  spec: ServiceSpec = {},
): Service {
  const [namespace = "", label = ""] = at.split("/");
  return {
    metadata: { namespace, name: label },
    spec: {
      type: "ClusterIP",
      ...(addresses[0] !== undefined && { clusterIP: addresses[0], clusterIPs: [...addresses] }),
      ports: ports.map(port),
      ...spec,
    },
  };
}

/** A slice of the Service `of`; an endpoint in text is its address. */
export function slice(
  of: string,
  id: string,
  endpoints: readonly (string | Endpoint)[],
  ports: readonly string[] = [],
): EndpointSlice {
  const [namespace = "", label = ""] = of.split("/");
  const all = endpoints.map((endpoint) =>
    typeof endpoint === "string" ? { addresses: [endpoint] } : endpoint,
  );
  return {
    metadata: { namespace, name: `${label}-${id}`, labels: { "kubernetes.io/service-name": label } },
    addressType: all[0]?.addresses[0]?.includes(":") === true ? "IPv6" : "IPv4",
    endpoints: all,
    ports: ports.map(port),
  };
}

export interface Asked {
  /** "web.default.svc.cluster.local. A" */
  readonly text: string;
  readonly edns?: number;
  readonly transport?: Transport;
  readonly flags?: number;
}

export interface TestZone {
  readonly names: ClusterZone;
  readonly responder: Responder;
  /** The answer as lines of text; "elsewhere NAME" for what is to be forwarded. */
  ask(question: string | Asked): string[];
}

/** The SOA's serial is not shown in answers: it is 0. */
export function testZone(options: ClusterZoneOptions = {}): TestZone {
  const names = new ClusterZone({ reverseRanges: [cidr("10.96.0.0/16")], ...options });
  const nothing = { answer: () => 0 };
  const responder = new Responder(names, { firstSerial: 0 }, nothing);
  const out = Buffer.alloc(MAX_MESSAGE);
  return {
    names,
    responder,
    ask(question) {
      const {
        text,
        edns,
        transport = "udp",
        flags = Flag.RD,
      } = typeof question === "string" ? { text: question } : question;
      const message = questionMessage({
        ...parseQuestion(text),
        id: 7,
        flags,
        ...(edns !== undefined && { udpPayload: edns }),
      });
      const length = responder.respond(message, message.length, out, transport, true);
      if (length === 0) return ["silence"];
      if (length === ELSEWHERE) return [`elsewhere ${JSON.stringify(responder.outside)}`];
      return messageText(readMessage(Buffer.from(out.subarray(0, length)))).map((line) =>
        line.replace(/( SOA \S+ \S+) \d+/, "$1 0"),
      );
    },
  };
}

/** "web.default.svc.cluster.local. SRV" */
export function parseQuestion(text: string): Pick<QuestionOptions, "name" | "type"> {
  const [owner = "", type = "A"] = text.split(" ");
  // The case is the client's own.
  const labels = owner === "." ? [] : owner.replace(/\.$/, "").split(".");
  name(owner);
  const wire = `${labels.map((label) => String.fromCharCode(label.length) + label).join("")}\0`;
  return {
    name: wire,
    type: type.startsWith("TYPE") ? Number(type.slice(4)) : Type[type as keyof typeof Type],
  };
}
