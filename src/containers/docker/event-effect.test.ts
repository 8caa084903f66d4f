import assert from "node:assert/strict";
import { test } from "node:test";
import { container, type ContainerParts, event } from "./container-fixture.ts";
import type { EngineEvent } from "./engine-types.ts";
import { effectOf, isEndingSignal, signalNumber } from "./event-effect.ts";

test("signals by name and number", () => {
  const table: [string | number, number | undefined][] = [
    ["SIGTERM", 15],
    ["term", 15],
    ["15", 15],
    [9, 9],
    ["SIGRTMIN+3", 37],
    ["RTMIN", 34],
    ["SIGNONSENSE", undefined],
    ["", undefined],
  ];
  for (const [signal, number] of table) assert.equal(signalNumber(signal), number, String(signal));
});

test("which signals end a container", () => {
  const table: [string, string | number | null | undefined, boolean][] = [
    ["15", undefined, true],
    ["9", undefined, true],
    ["2", undefined, true],
    ["3", "SIGTERM", true],
    ["1", undefined, false],
    ["28", undefined, false],
    // httpd's and systemd's own.
    ["28", "SIGWINCH", true],
    ["37", "SIGRTMIN+3", true],
    ["1", "HUP", true],
    ["10", null, false],
    ["", undefined, false],
  ];
  for (const [signal, stop, ends] of table)
    assert.equal(isEndingSignal(signal, stop), ends, `${signal} ${stop}`);
});

test("what each event is believed at once", () => {
  const network = (action: string, name: string): EngineEvent =>
    event(action, { container: "x", name }, { Type: "network" });
  const table: [EngineEvent, ContainerParts | undefined, string, object?][] = [
    [event("kill", { signal: "15" }), {}, "stopping"],
    [event("kill", { signal: "28" }), {}, "none"],
    [event("die", { exitCode: "137" }), {}, "changed", { Running: false, Status: "exited", ExitCode: 137 }],
    [event("died", { containerExitCode: "2" }), {}, "changed", { Running: false, ExitCode: 2 }],
    [
      event("die", { exitCode: "1" }),
      { host: { RestartPolicy: { Name: "always" } } },
      "changed",
      { Restarting: true, Running: false },
    ],
    [
      event("die", { exitCode: "0" }),
      { host: { RestartPolicy: { Name: "on-failure" } } },
      "changed",
      { Restarting: false },
    ],
    [event("pause"), {}, "changed", { Paused: true }],
    [event("unpause"), { state: { Paused: true } }, "changed", { Paused: false }],
    [event("health_status: unhealthy"), {}, "changed", { Health: { Status: "unhealthy" } }],
    [event("health_status", { health_status: "healthy" }), {}, "changed", { Health: { Status: "healthy" } }],
    [event("health_status"), {}, "ask"],
    [event("rename", { name: "/new", oldName: "/web-1" }), {}, "changed"],
    [event("destroy"), {}, "gone"],
    [event("remove"), undefined, "gone"],
    [event("start"), {}, "ask"],
    [event("create"), undefined, "ask"],
    [event("die"), undefined, "ask"],
    [event("exec_create: sh -c true"), {}, "none"],
    [event("exec_die"), undefined, "none"],
    [event("attach"), {}, "none"],
    [network("connect", "bridge"), {}, "ask"],
    [network("disconnect", "bridge"), {}, "changed"],
    [network("disconnect", "other"), {}, "ask"],
    [network("create", "bridge"), {}, "none"],
  ];
  for (const [one, parts, type, state] of table) {
    const effect = effectOf(one, parts && container(parts));
    assert.equal(effect.type, type, `${one.Type} ${one.Action}`);
    if (state === undefined) continue;
    assert.ok(effect.type === "changed");
    for (const [key, value] of Object.entries(state))
      assert.deepEqual(effect.container.State[key as "Running"], value, `${one.Action} ${key}`);
  }
});

test("a disconnected network's address is gone, and a new name is there", () => {
  const disconnected = effectOf(
    event("disconnect", { container: "x", name: "bridge" }, { Type: "network" }),
    container(),
  );
  assert.ok(disconnected.type === "changed");
  assert.deepEqual(disconnected.container.NetworkSettings.Networks, {});
  const renamed = effectOf(event("rename", { name: "/new" }), container());
  assert.ok(renamed.type === "changed");
  assert.equal(renamed.container.Name, "/new");
});

test("an event from before this run of the container, as a replay brings it, is only a reason to ask", () => {
  const old = { timeNano: Date.parse("2026-01-02T03:04:06.4Z") * 1e6 };
  for (const action of ["die", "kill", "pause", "health_status: unhealthy"])
    assert.equal(effectOf(event(action, { signal: "15" }, old), container()).type, "ask", action);
});
