/** What a name of one label means to whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodStatus } from "../api/pod/type.ts";
import type { Service } from "../api/service/type.ts";
import { Flag, MAX_MESSAGE } from "../net/dns/constants.ts";
import { readMessage } from "../net/dns/message.ts";
import { nameText } from "../net/dns/name.ts";
import { questionMessage } from "../net/dns/query.ts";
import { messageText } from "../net/dns/text.ts";
import { AnswerCache } from "./answer-cache.ts";
import { BareNames } from "./bare-names.ts";
import { ClusterZone } from "./cluster-zone.ts";
import { Exchange } from "./exchange.ts";
import { address, fakeResolver } from "./fake-resolver.ts";
import { Forwarder } from "./forwarder.ts";
import { Responder } from "./responder.ts";
import { createUpstream } from "./upstream.ts";
import { parseQuestion, service, slice } from "./zone-fixture.ts";

/** `at` is "namespace/name". */
function pod(
  at: string,
  addresses: readonly string[],
  more: Partial<Pod> & { container?: string } = {},
): Pod {
  const [namespace = "", name = ""] = at.split("/");
  const { container, status, ...rest } = more;
  const annotations = container === undefined ? {} : { "fairlead.dev/container-name": container };
  const podIPs = addresses.map((ip) => ({ ip }));
  return {
    metadata: { namespace, name, annotations },
    status: { phase: "Running", podIPs, ...status },
    ...rest,
  };
}

interface Lab extends AsyncDisposable {
  readonly zone: ClusterZone;
  readonly bare: BareNames;
  readonly cache: AnswerCache;
  /** Names that were asked outside. */
  readonly asked: string[];
  /** The answer to the client with this address, as lines of text. */
  readonly ask: (client: string, question: string, mayRecurse?: boolean) => Promise<string[]>;
}

async function lab(): Promise<Lab> {
  const zone = new ClusterZone();
  const bare = new BareNames(zone);
  const asked: string[] = [];
  const resolver = await fakeResolver(({ key }) => {
    const name = nameText(key);
    asked.push(name);
    if (name === ".") return { answers: [] };
    return { answers: [address(name, 60, "192.0.2.99")] };
  });
  const cache = new AnswerCache();
  const upstream = createUpstream({ servers: async () => [resolver.at], timeout: 300, deadline: 1500 });
  const responder = new Responder(zone, { firstSerial: 0, bareNames: bare }, cache);
  const exchange = new Exchange({ responder, forwarder: new Forwarder({ upstream, cache }) });
  const out = Buffer.alloc(MAX_MESSAGE);
  return {
    zone,
    bare,
    cache,
    asked,
    async ask(client, text, mayRecurse = true) {
      const message = questionMessage({ ...parseQuestion(text), id: 7, flags: Flag.RD });
      const later = Promise.withResolvers<Buffer>();
      const reply = (answer: Buffer): void => later.resolve(answer);
      const length = exchange.take(message, message.length, out, "udp", mayRecurse, () => ({
        client,
        reply,
      }));
      const bytes = length > 0 ? Buffer.from(out.subarray(0, length)) : await later.promise;
      return messageText(readMessage(bytes));
    },
    [Symbol.asyncDispose]: () => resolver[Symbol.asyncDispose](),
  };
}

/** As answers that come from outside are. */
const OUTSIDE = ["NOERROR RD RA", "app-svc. 60 IN A 192.0.2.99"];

test("a Service of the asking Pod's namespace, by its name alone, in any case and each family", async () => {
  await using at = await lab();
  at.zone.setService(service("default/app-svc", ["100.1.1.3", "fd00:1::3"]));
  at.zone.setService(service("blue/app-svc", ["100.1.2.3"]));
  at.bare.setPod(pod("default/client", ["11.1.1.1", "fd11::1"]));
  at.bare.setPod(pod("blue/client", ["11.1.2.1"]));
  const table: readonly (readonly [client: string, question: string, ...answer: string[]])[] = [
    ["11.1.1.1", "app-svc. A", "NOERROR AA RD RA", "app-svc. 5 IN A 100.1.1.3"],
    ["11.1.1.1", "App-SVC. A", "NOERROR AA RD RA", "app-svc. 5 IN A 100.1.1.3"],
    ["11.1.1.1", "app-svc. AAAA", "NOERROR AA RD RA", "app-svc. 5 IN AAAA fd00:1::3"],
    ["fd11::1", "app-svc. A", "NOERROR AA RD RA", "app-svc. 5 IN A 100.1.1.3"],
    ["11.1.2.1", "app-svc. A", "NOERROR AA RD RA", "app-svc. 5 IN A 100.1.2.3"],
    ["11.1.2.1", "app-svc. AAAA", "NOERROR AA RD RA"],
    ["11.1.2.1", "app-svc. TYPE65", "NOERROR AA RD RA"],
    ["11.1.2.1", "app-svc. ANY", "NOERROR AA RD RA", 'app-svc. 3600 IN HINFO "RFC8482" ""'],
  ];
  for (const [client, question, ...answer] of table)
    assert.deepEqual(await at.ask(client, question), answer, `${client} ${question}`);
  assert.deepEqual(at.asked, []);
});

test("a container by its name, where no Service has it", async () => {
  await using at = await lab();
  at.bare.setPod(pod("default/client", ["11.1.1.1"]));
  at.bare.setPod(pod("default/web-1", ["10.1.1.4", "fd10::4"]));
  at.bare.setPod(pod("default/web-2-0a1b2c3d", ["10.1.1.5"], { container: "Web_2" }));
  at.bare.setPod(pod("blue/web-3", ["10.1.2.4"]));
  const A = async (label: string): Promise<string[]> => at.ask("11.1.1.1", `${label}. A`);
  assert.deepEqual((await A("web-1")).slice(1), ["web-1. 5 IN A 10.1.1.4"]);
  assert.deepEqual((await at.ask("11.1.1.1", "web-1. AAAA")).slice(1), ["web-1. 5 IN AAAA fd10::4"]);
  assert.deepEqual((await A("wEB_2")).slice(1), ["web_2. 5 IN A 10.1.1.5"]);
  assert.deepEqual((await A("web-2-0a1b2c3d")).slice(1), ["web-2-0a1b2c3d. 5 IN A 10.1.1.5"]);
  assert.deepEqual((await A("web-3")).slice(1), ["web-3. 60 IN A 192.0.2.99"], "of another tenant");
  at.zone.setService(service("default/web-1", ["100.1.1.7"]));
  assert.deepEqual((await A("web-1")).slice(1), ["web-1. 5 IN A 100.1.1.7"]);
  at.zone.removeService(service("default/web-1", ["100.1.1.7"]));
  at.bare.removePod(pod("default/web-1", []));
  assert.deepEqual((await A("web-1")).slice(1), ["web-1. 60 IN A 192.0.2.99"]);
});

test("headless and external Services by their names alone; one without an endpoint hides a container of its name", async () => {
  await using at = await lab();
  at.bare.setPod(pod("default/client", ["11.1.1.1"]));
  at.bare.setPod(pod("default/db", ["10.1.1.9"]));
  at.zone.setService(service("default/db", ["None"]));
  assert.deepEqual(await at.ask("11.1.1.1", "db. A"), ["NOERROR AA RD RA"]);
  at.zone.setSlice(slice("default/db", "x", ["10.1.1.5", "10.1.1.6"]));
  assert.deepEqual((await at.ask("11.1.1.1", "db. A")).sort(), [
    "NOERROR AA RD RA",
    "db. 5 IN A 10.1.1.5",
    "db. 5 IN A 10.1.1.6",
  ]);
  const external = { type: "ExternalName", externalName: "www.example.com" } as const;
  at.zone.setService(service("default/out", [], [], external));
  assert.deepEqual(await at.ask("11.1.1.1", "out. A"), [
    "NOERROR AA RD RA",
    "out. 5 IN CNAME www.example.com.",
    "www.example.com. 60 IN A 192.0.2.99",
  ]);
});

test("a Service by the name that Contiv's user gave it, which Kubernetes does not allow", async () => {
  await using at = await lab();
  at.bare.setPod(pod("default/client", ["11.1.1.1"]));
  const named = (name: string, given: string, vip: string): Service => {
    const made = service(`default/${name}`, [vip]);
    return { ...made, metadata: { ...made.metadata, annotations: { "fairlead.dev/contiv-name": given } } };
  };
  const first = named("n-1web-0a1b2c3d", "1web", "100.1.1.4");
  for (const one of [first, named("app-svc-11111111", "App-Svc", "100.1.1.5")]) {
    at.zone.setService(one);
    at.bare.addService(one);
  }
  assert.deepEqual((await at.ask("11.1.1.1", "1WEB. A"))[1], "1web. 5 IN A 100.1.1.4");
  assert.deepEqual((await at.ask("11.1.1.1", "App-Svc. A"))[1], "app-svc. 5 IN A 100.1.1.5");
  at.zone.setService(service("default/app-svc", ["100.1.1.6"]));
  assert.deepEqual(
    (await at.ask("11.1.1.1", "App-Svc. A"))[1],
    "app-svc. 5 IN A 100.1.1.6",
    "its own name first",
  );
  at.zone.removeService(first);
  at.bare.removeService(first);
  assert.deepEqual((await at.ask("11.1.1.1", "1web. A"))[1], "1web. 60 IN A 192.0.2.99");
});

test("who is no Pod that runs with an address of its own is answered as if there were no such names", async () => {
  await using at = await lab();
  at.zone.setService(service("default/app-svc", ["100.1.1.3"]));
  const status = (phase: NonNullable<PodStatus["phase"]>): PodStatus => ({ phase });
  at.bare.setPod(pod("default/ended", ["11.1.1.1"], { status: status("Failed") }));
  at.bare.setPod(pod("default/pending", ["11.1.1.2"], { status: status("Pending") }));
  const hostNetwork = { containers: [], hostNetwork: true };
  at.bare.setPod(pod("default/on-host", ["192.0.2.1"], { spec: hostNetwork }));
  // Two containers in one network namespace: each has this address, and their tenants differ.
  at.bare.setPod(pod("default/shared-1", ["11.1.1.4"]));
  at.bare.setPod(pod("blue/shared-2", ["11.1.1.4"]));
  for (const client of ["11.1.1.1", "11.1.1.2", "11.1.1.3", "192.0.2.1", "11.1.1.4"])
    assert.deepEqual(await at.ask(client, "app-svc. A"), OUTSIDE, client);
  assert.deepEqual(await at.ask("11.1.1.9", "app-svc. A", false), ["REFUSED RD"]);
  at.bare.removePod(pod("blue/shared-2", []));
  assert.deepEqual((await at.ask("11.1.1.4", "app-svc. A"))[1], "app-svc. 5 IN A 100.1.1.3");
});

test("what one client is told, from here or from outside, is told to nobody else", async () => {
  await using at = await lab();
  at.bare.setPod(pod("default/client", ["11.1.1.1"]));
  assert.deepEqual(await at.ask("11.1.1.1", "app-svc. A"), OUTSIDE);
  assert.equal(at.cache.size, 1);
  at.zone.setService(service("default/app-svc", ["100.1.1.3"]));
  assert.deepEqual((await at.ask("11.1.1.1", "app-svc. A"))[1], "app-svc. 5 IN A 100.1.1.3");
  assert.equal(at.cache.size, 1);
  assert.deepEqual(await at.ask("11.1.2.1", "app-svc. A"), OUTSIDE);
  // A Pod's next address and a namespace's next Pod at the old one.
  at.bare.setPod(pod("default/client", ["11.1.1.8"]));
  at.bare.setPod(pod("blue/next", ["11.1.1.1"]));
  assert.deepEqual(await at.ask("11.1.1.1", "app-svc. A"), OUTSIDE);
  assert.deepEqual((await at.ask("11.1.1.8", "app-svc. A"))[1], "app-svc. 5 IN A 100.1.1.3");
});

test("names with dots and the root are what they were", async () => {
  await using at = await lab();
  at.bare.setPod(pod("default/client", ["11.1.1.1"]));
  at.zone.setService(service("default/app-svc", ["100.1.1.3"]));
  const at2 = "app-svc.default.";
  assert.deepEqual((await at.ask("11.1.1.1", `${at2} A`))[1], `${at2} 60 IN A 192.0.2.99`);
  await at.ask("11.1.1.1", ". A");
  assert.equal(at.asked.length, 2);
  const whole = "app-svc.default.svc.cluster.local.";
  assert.deepEqual((await at.ask("11.1.1.1", `${whole} A`))[1], `${whole} 5 IN A 100.1.1.3`);
});
