/** Every rtnetlink message against the real kernel, compared with what iproute2 reads back. Needs root. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { cidr, formatIp, ip } from "../src/base/ip.ts";
import { NetlinkWriter } from "../src/net/netlink/writer.ts";
import { RTM_NEWADDR, writeAddress } from "../src/net/rtnetlink/address.ts";
import { readLink, RTM_NEWLINK } from "../src/net/rtnetlink/link.ts";
import { NeighbourState } from "../src/net/rtnetlink/neighbour.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { parseMessages } from "../src/sys/netlink-message.ts";
import type { NetlinkEvent } from "../src/sys/netlink-socket.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../src/sys/netlink-socket.ts";
import { connectInNetns } from "../src/sys/netns-socket.ts";
import { callInNetns, createNetns, deleteNetns, listNetns, netnsId } from "../src/sys/netns.ts";
import { readSysctl, writeSysctl } from "../src/sys/sysctl.ts";
import { needsNetns, testNetns } from "./lab/netns.ts";

const skip = needsNetns();

/** What `ip -j -d ARGS` reads in a namespace. */
function ipJson(netns: string, ...args: string[]): Record<string, unknown>[] {
  const text = execFileSync("ip", ["-n", netns, "-j", "-d", ...args], { encoding: "utf8" });
  return JSON.parse(text === "" ? "[]" : text) as Record<string, unknown>[];
}

/** The fields of `object` that `expected` names. */
function assertFields(object: Record<string, unknown> | undefined, expected: Record<string, unknown>): void {
  assert.ok(object, `nothing to compare with ${JSON.stringify(expected)}`);
  const got = Object.fromEntries(Object.keys(expected).map((key) => [key, object[key]]));
  assert.deepEqual(got, expected);
}

test("namespaces are those of `ip netns`, and the thread comes back from them", { skip }, () => {
  const home = netnsId();
  using made = testNetns("names");
  assert.ok(listNetns().includes(made.name));
  assert.match(
    execFileSync("ip", ["netns", "list"], { encoding: "utf8" }),
    new RegExp(`^${made.name}\\b`, "m"),
  );
  assert.notEqual(netnsId(made.name), home);
  assert.equal(
    callInNetns(made.name, () => netnsId()),
    netnsId(made.name),
  );
  assert.equal(
    callInNetns(made.name, () =>
      execFileSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" }).trim(),
    ),
    netnsId(made.name),
    "a process started in the section is in the namespace",
  );
  assert.equal(netnsId(), home);
  assert.throws(() => callInNetns(made.name, () => assert.fail("inside")), /inside/);
  assert.equal(netnsId(), home, "the thread comes back after a throw");
  assert.throws(() => createNetns(made.name), { code: "EEXIST" });
  assert.throws(() => callInNetns("fltest-absent", () => 1), { code: "ENOENT" });

  const byIp = `${made.name}-ip`;
  execFileSync("ip", ["netns", "add", byIp]);
  assert.ok(listNetns().includes(byIp));
  deleteNetns(byIp);
  assert.ok(!execFileSync("ip", ["netns", "list"], { encoding: "utf8" }).includes(byIp));
});

test("a worker thread started in the section lives in the namespace", { skip }, async () => {
  using made = testNetns("worker");
  const code = `const { parentPort } = require("node:worker_threads");
    parentPort.postMessage(require("node:fs").readlinkSync("/proc/thread-self/ns/net"));`;
  const worker = callInNetns(made.name, () => new Worker(code, { eval: true }));
  const [id] = (await once(worker, "message")) as [string];
  await worker.terminate();
  assert.equal(id, netnsId(made.name));
});

test("links: made, read, changed, moved and deleted as `ip link` sees it", { skip }, async () => {
  using left = testNetns("left");
  using right = testNetns("right");
  using routes = await RouteSocket.open({ netns: left.name });
  using other = await RouteSocket.open({ netns: right.name });

  assert.deepEqual(
    routes.links().map(({ name, loopback, up }) => ({ name, loopback, up })),
    [{ name: "lo", loopback: true, up: false }],
  );
  routes.setLink("lo", { up: true });
  assertFields(ipJson(left.name, "link", "show", "lo")[0], { operstate: "UNKNOWN", mtu: 65536 });

  routes.createLink({ kind: "bridge", name: "br0", address: "02:00:00:00:00:01", up: true });
  assertFields(ipJson(left.name, "link", "show", "br0")[0], {
    ifname: "br0",
    address: "02:00:00:00:00:01",
  });
  const bridge = routes.link("br0")!;
  assert.deepEqual([bridge.kind, bridge.up, bridge.address], ["bridge", true, "02:00:00:00:00:01"]);
  assert.throws(() => routes.createLink({ kind: "bridge", name: "br0" }), {
    name: "NetlinkError",
    code: "EEXIST",
  });

  routes.createVeth(
    { name: "port0", master: bridge.index, mtu: 1400 },
    { name: "eth0", address: "02:00:00:00:00:02", mtu: 1400 },
    right.name,
  );
  other.setLink("eth0", { up: true });
  routes.setLink("port0", {
    up: true,
    alias: "pod default/a",
    bridgePort: { hairpin: true, isolated: true },
  });
  const port = ipJson(left.name, "link", "show", "port0")[0]!;
  assertFields(port, { ifname: "port0", master: "br0", mtu: 1400, ifalias: "pod default/a" });
  const linkinfo = port["linkinfo"] as Record<string, Record<string, unknown>>;
  assertFields(linkinfo, { info_kind: "veth", info_slave_kind: "bridge" });
  assertFields(linkinfo["info_slave_data"], { hairpin: true, isolated: true });
  assertFields(ipJson(right.name, "link", "show", "eth0")[0], { address: "02:00:00:00:00:02", mtu: 1400 });

  const read = routes.link("port0")!;
  const peer = other.link("eth0")!;
  assert.deepEqual([read.master, read.alias, read.mtu], [bridge.index, "pod default/a", 1400]);
  assert.deepEqual(read.bridgePort, { hairpin: true, isolated: true });
  assert.equal(read.peerIndex, peer.index);
  assert.equal(peer.peerIndex, read.index);
  assert.ok(read.carrier && peer.carrier && peer.up);
  assert.deepEqual(routes.link(read.index), read);

  routes.setLink("port0", { master: 0, name: "port1", up: false });
  const renamed = ipJson(left.name, "link", "show", "port1")[0];
  assertFields(renamed, { ifname: "port1", master: undefined, operstate: "DOWN" });
  routes.moveLink("port1", right.name);
  assert.equal(routes.link("port1"), undefined);
  assert.equal(other.link("port1")!.kind, "veth");
  other.deleteLink("port1");
  assert.equal(other.link("eth0"), undefined, "a veth goes with its peer");
  assert.throws(() => routes.deleteLink("port1"), /no network interface "port1"/);
  assert.throws(() => routes.deleteLink(4711), { name: "NetlinkError", code: "ENODEV" });
});

test("addresses and routes, IPv4 and IPv6, as `ip address` and `ip route` see them", { skip }, async () => {
  using netns = testNetns("routes");
  using routes = await RouteSocket.open({ netns: netns.name });
  routes.createVeth({ name: "a", up: true }, { name: "b" });
  routes.setLink("b", { up: true });
  const index = routes.linkIndex("a");

  routes.addAddress("a", ip("10.1.0.1"), 24);
  routes.addAddress("a", ip("10.1.0.1"), 24);
  routes.addAddress("a", ip("fd00::1"), 64);
  const shown = ipJson(netns.name, "address", "show", "dev", "a")[0]!["addr_info"] as Record<
    string,
    unknown
  >[];
  assertFields(shown[0], { family: "inet", local: "10.1.0.1", prefixlen: 24, scope: "global" });
  assertFields(
    shown.find(({ local }) => local === "fd00::1"),
    {
      family: "inet6",
      prefixlen: 64,
      nodad: true,
      tentative: undefined,
    },
  );
  const read = routes.addresses(4).filter(({ link }) => link === index);
  assert.deepEqual(
    read.map((one) => [formatIp(one.address), one.prefixLength, one.scope]),
    [["10.1.0.1", 24, 0]],
  );

  routes.addRoute({ destination: cidr("0.0.0.0/0"), gateway: ip("10.1.0.254"), source: ip("10.1.0.1") });
  routes.addRoute({ destination: cidr("10.9.0.0/16"), link: index, protocol: 77, table: 1000, priority: 5 });
  routes.addRoute({ destination: cidr("10.96.0.0/12"), type: "unreachable" });
  routes.addRoute({
    destination: cidr("172.16.0.0/12"),
    gateway: ip("192.168.7.7"),
    link: index,
    onlink: true,
  });
  routes.addRoute({ destination: cidr("fd00:99::/64"), gateway: ip("fd00::2") });
  routes.addRoute({ destination: cidr("::/0"), type: "unreachable", priority: 99 });
  const text4 = ipJson(netns.name, "route", "show", "table", "all");
  const byDestination = (rows: Record<string, unknown>[], dst: string): Record<string, unknown> | undefined =>
    rows.find((row) => row["dst"] === dst);
  assertFields(byDestination(text4, "default"), {
    gateway: "10.1.0.254",
    dev: "a",
    prefsrc: "10.1.0.1",
    protocol: "static",
    scope: "global",
    type: "unicast",
  });
  assertFields(byDestination(text4, "10.9.0.0/16"), {
    dev: "a",
    protocol: "77",
    table: "1000",
    metric: 5,
    scope: "link",
  });
  assertFields(byDestination(text4, "10.96.0.0/12"), { type: "unreachable" });
  assertFields(byDestination(text4, "172.16.0.0/12"), { gateway: "192.168.7.7", flags: ["onlink"] });
  const text6 = ipJson(netns.name, "-6", "route", "show");
  assertFields(byDestination(text6, "fd00:99::/64"), { gateway: "fd00::2", dev: "a" });
  assertFields(byDestination(text6, "default"), { type: "unreachable", metric: 99 });

  const main = routes.routes({ family: 4, table: 254 });
  assert.deepEqual(
    main.find(({ destination }) => destination.length === 0),
    {
      destination: cidr("0.0.0.0/0"),
      type: "unicast",
      table: 254,
      protocol: 4,
      scope: 0,
      link: index,
      gateway: ip("10.1.0.254"),
      source: ip("10.1.0.1"),
      priority: 0,
      onlink: false,
    },
  );
  assert.deepEqual(
    routes.routes({ family: 4, table: 1000, protocol: 77 }).map(({ priority, link }) => [priority, link]),
    [[5, index]],
    "the kernel filters the dump",
  );
  assert.ok(main.every(({ table }) => table === 254));

  assert.equal(formatIp(routes.routeTo(ip("8.8.8.8")).gateway!), "10.1.0.254");
  assert.equal(formatIp(routes.routeTo(ip("10.1.0.9"), ip("10.1.0.1")).source ?? ip("10.1.0.1")), "10.1.0.1");
  assert.throws(() => routes.routeTo(ip("10.96.0.1")), { name: "NetlinkError", code: "EHOSTUNREACH" });

  const twice = { destination: cidr("10.96.0.0/12"), type: "unreachable" } as const;
  assert.throws(() => routes.addRoute(twice), { code: "EEXIST" });
  routes.replaceRoute({ ...twice, type: "blackhole" });
  assertFields(byDestination(ipJson(netns.name, "route", "show"), "10.96.0.0/12"), { type: "blackhole" });
  routes.deleteRoute({ ...twice, type: "blackhole" });
  assert.throws(() => routes.deleteRoute({ ...twice, type: "blackhole" }), { code: "ESRCH" });
  routes.deleteAddress("a", ip("10.1.0.1"), 24);
  assert.throws(() => routes.deleteAddress("a", ip("10.1.0.1"), 24), { code: "EADDRNOTAVAIL" });
  assert.deepEqual(routes.routes({ family: 4, table: 254 }), [], "they go with the last address");
});

test("neighbours as `ip neighbour` sees them", { skip }, async () => {
  using netns = testNetns("neigh");
  using routes = await RouteSocket.open({ netns: netns.name });
  routes.createVeth({ name: "a", up: true }, { name: "b" });
  routes.setLink("b", { up: true });
  const index = routes.linkIndex("a");
  const entry = {
    link: index,
    address: ip("10.1.0.2"),
    mac: "02:00:00:00:00:09",
    state: NeighbourState.permanent,
  };
  routes.setNeighbour(entry);
  assertFields(ipJson(netns.name, "neighbour")[0], {
    dst: "10.1.0.2",
    lladdr: "02:00:00:00:00:09",
    state: ["PERMANENT"],
  });
  assert.deepEqual(routes.neighbours(4), [entry]);
  routes.deleteNeighbour(entry);
  assert.throws(() => routes.deleteNeighbour({ ...entry, address: ip("10.1.0.3") }), { code: "ENOENT" });
});

test("addresses that are answered for as `ip neighbour show proxy` sees them", { skip }, async () => {
  using netns = testNetns("proxy");
  using routes = await RouteSocket.open({ netns: netns.name });
  routes.createLink({ kind: "bridge", name: "br0", up: true });
  const link = routes.linkIndex("br0");
  for (const [family, address] of [
    [4, "100.1.1.3"],
    [6, "fd64::3"],
  ] as const) {
    const proxy = { link, address: ip(address), protocol: 170 };
    routes.setProxy(proxy);
    routes.setProxy(proxy);
    assertFields(ipJson(netns.name, `-${family}`, "neighbour", "show", "proxy")[0], {
      dst: address,
      dev: "br0",
      protocol: "170",
    });
    execFileSync("ip", ["-n", netns.name, "neigh", "add", "proxy", `${address}4`, "dev", "br0"]);
    const foreign = { link, address: ip(`${address}4`), protocol: 0 };
    const byText = (a: { protocol: number }, b: { protocol: number }): number => b.protocol - a.protocol;
    assert.deepEqual(routes.proxies(family).sort(byText), [proxy, foreign]);
    assert.deepEqual(
      routes.neighbours(family).filter((one) => formatIp(one.address).startsWith(address)),
      [],
      "they are no neighbours",
    );
    routes.deleteProxy(proxy);
    assert.throws(() => routes.deleteProxy(proxy), { code: "ENOENT" });
    assert.deepEqual(routes.proxies(family), [foreign]);
  }
  routes.setLink("br0", { up: false });
  assert.deepEqual(routes.proxies(4), [], "they go with the interface's being up");
});

test("a thousand messages go in one send, and one refusal is found among them", { skip }, async () => {
  using netns = testNetns("batch");
  using routes = await RouteSocket.open({ netns: netns.name });
  routes.setLink("lo", { up: true });
  using socket = await NetlinkSocket.open(NETLINK_ROUTE, { netns: netns.name, bufferBytes: 32 * 1024 });
  const writer = new NetlinkWriter();
  const flags = 0x1 | 0x4 | 0x400 | 0x200;
  for (let i = 0; i < 1000; i++) {
    const value = 0x7f01_0000n + BigInt(i === 777 ? 776 : i);
    const address = { family: 4, value } as const;
    writeAddress(writer, RTM_NEWADDR, flags, { link: 1, address, prefixLength: 32, scope: 254, flags: 0 });
  }
  assert.ok(writer.length > 32 * 1024, "the batch is longer than the socket's first buffer");
  assert.equal(parseMessages(writer.finish()).length, 1000);
  assert.throws(() => socket.transact(writer.finish()), { name: "NetlinkError", code: "EEXIST", index: 777 });
  const addresses = routes.addresses(4);
  assert.equal(addresses.filter(({ prefixLength }) => prefixLength === 32).length, 999);
  assert.throws(
    () => socket.transact(writer.finish()),
    (error: { refusals: unknown[] }) => error.refusals.length === 1000,
  );
});

test("notifications come on the event loop, and an overrun says that some are lost", { skip }, async () => {
  using netns = testNetns("events");
  const groups = [1];
  using hearing = await NetlinkSocket.open(NETLINK_ROUTE, { netns: netns.name, groups, bufferBytes: 4096 });
  using routes = await RouteSocket.open({ netns: netns.name });
  const events: NetlinkEvent[] = [];
  const { promise: first, resolve } = Promise.withResolvers<void>();
  const { promise: lost, resolve: resolveLost } = Promise.withResolvers<void>();
  using _subscription = hearing.subscribe((event) => {
    events.push(event);
    resolve();
    if (event.type === "lost") resolveLost();
  });
  routes.setLink("lo", { up: true });
  await first;
  assert.equal(events[0]!.type, "messages");
  for (let i = 0; i < 50; i++) routes.setLink("lo", { up: i % 2 === 1 });
  await lost;
  routes.createLink({ kind: "bridge", name: "after" });
  const heard = (): boolean =>
    events
      .flatMap((event) => (event.type === "messages" ? event.messages : []))
      .some((message) => message.type === RTM_NEWLINK && readLink(message).name === "after");
  while (!heard()) await setImmediate();
});

test("settings of a namespace are read and written from outside of it", { skip }, () => {
  using netns = testNetns("sysctl");
  const before = readSysctl("net/ipv4/ip_forward");
  const turned = readSysctl("net/ipv4/ip_forward", netns.name) === "1" ? "0" : "1";
  writeSysctl("net/ipv4/ip_forward", turned, netns.name);
  assert.equal(readSysctl("net/ipv4/ip_forward", netns.name), turned);
  assert.equal(readSysctl("net/ipv4/ip_forward"), before, "the own namespace is left alone");
  assert.throws(() => writeSysctl("net/../kernel/hostname", "x", netns.name), RangeError);
  assert.throws(() => readSysctl("net/ipv4/no_such", netns.name), { code: "ENOENT" });
});

test("a connection is made from inside a namespace by a thread outside of it", { skip }, async () => {
  using netns = testNetns("connect");
  using routes = await RouteSocket.open({ netns: netns.name });
  const home = createServer((socket) => socket.end("home"));
  home.listen(0, "127.0.0.1");
  await once(home, "listening");
  const { port } = home.address() as { port: number };
  try {
    const signal = AbortSignal.timeout(5000);
    const near = await connectInNetns(undefined, ip("127.0.0.1"), port, signal);
    const [data] = (await once(near, "data")) as [Buffer];
    assert.equal(data.toString(), "home");
    near.destroy();
    routes.setLink("lo", { up: true });
    await assert.rejects(connectInNetns(netns.name, ip("127.0.0.1"), port, signal), {
      name: "SystemError",
      code: "ECONNREFUSED",
    });
    await assert.rejects(connectInNetns(netns.name, ip("10.1.1.1"), port, signal), { code: "ENETUNREACH" });
  } finally {
    home.close();
  }
});
