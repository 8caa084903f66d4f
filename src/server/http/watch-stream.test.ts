import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import { tooOldResourceVersion } from "../../api/status-errors.ts";
import type { RegistryEvent, RegistryWatch } from "../registry.ts";
import { draftOf } from "../registry/stored-object.ts";
import type { Outlet } from "./exchange.ts";
import type { Presentation } from "./represent.ts";
import { watchStream } from "./watch-stream.ts";

const HOW: Presentation = {
  encoding: "json",
  view: "object",
  version: "v1",
  include: "Metadata",
  pretty: false,
  now: 0,
};

/** A watch that hands out these and ends. */
function watchOf(...items: readonly RegistryEvent<Service>[][]): RegistryWatch<Service> {
  let next = 0;
  const watch: Pick<RegistryWatch<Service>, "take" | "finish" | "close"> = {
    take(reader) {
      const events = items[next++];
      if (events === undefined) reader.ended();
      else reader.events(events);
    },
    finish() {
      next = items.length;
    },
    close() {},
  };
  return watch as RegistryWatch<Service>;
}

/** Gathers what a body writes; `taken` says whether there is room for more after a write. */
class Gathering implements Outlet {
  readonly pieces: string[] = [];
  ended = false;
  readonly #taken: () => boolean;

  constructor(taken: () => boolean = () => true) {
    this.#taken = taken;
  }

  write(piece: Uint8Array): boolean {
    this.pieces.push(Buffer.from(piece).toString());
    return this.#taken();
  }

  end(): void {
    this.ended = true;
  }

  get names(): unknown[] {
    return this.pieces
      .join("")
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as RegistryEvent<Service>).object.metadata.name);
  }
}

function added(name: string): RegistryEvent<Service> {
  const object = draftOf(serviceKind, {
    metadata: { name, resourceVersion: "7" },
    spec: { ports: [{ port: 80 }] },
  });
  return { type: "ADDED", object };
}

const parts = {
  how: HOW,
  clock: () => 0,
  onError: (error: unknown) => {
    throw error;
  },
};

test("a watch that begins with very many objects tells of all in order, and others get their turns meanwhile", async () => {
  const events = Array.from({ length: 20_000 }, (_, n) => added(`s${n}`));
  let turns = 0;
  let ended = false;
  const count = (): void => {
    turns++;
    if (!ended) setImmediate(count);
  };
  setImmediate(count);
  let told = 0;
  const { signal } = new AbortController();
  const body = watchStream(serviceKind, watchOf(events, [added("last")]), {
    ...parts,
    signal,
    onSent: (number) => (told += number),
  });
  const outlet = new Gathering();
  body.start(outlet);
  await body.over;
  ended = true;
  assert.deepEqual(outlet.names, [...events.map(({ object }) => object.metadata.name), "last"]);
  assert.ok(outlet.ended);
  assert.equal(told, 20_001);
  assert.ok(outlet.pieces.length > 2, `${outlet.pieces.length} pieces`);
  assert.ok(turns >= 2, `${turns} turns for ${outlet.pieces.length} pieces`);
});

test("a client that goes away in the middle of many gets no more of them", async () => {
  const events = Array.from({ length: 20_000 }, (_, n) => added(`s${n}`));
  const { signal } = new AbortController();
  const body = watchStream(serviceKind, watchOf(events), { ...parts, signal });
  const outlet = new Gathering(() => {
    body.close();
    return true;
  });
  body.start(outlet);
  await body.over;
  await nextTurn();
  assert.equal(outlet.pieces.length, 1);
  assert.ok(!outlet.ended);
});

test("who does not keep up is written nothing more until there is room, and then goes on where it was", async () => {
  const events = Array.from({ length: 1000 }, (_, n) => added(`s${n}`));
  const { signal } = new AbortController();
  const body = watchStream(serviceKind, watchOf(events, [added("last")]), { ...parts, signal });
  const outlet = new Gathering(() => false);
  body.start(outlet);
  for (let writes = 1; !outlet.ended; writes++) {
    await nextTurn();
    await nextTurn();
    assert.equal(outlet.pieces.length, writes);
    body.resume();
    // Nothing is full any more: that may be said twice.
    body.resume();
  }
  assert.deepEqual(outlet.names, [...events.map(({ object }) => object.metadata.name), "last"]);
});

test("an error of a watch is told to its reader, and ends it", async () => {
  const faults: unknown[] = [];
  const watch = watchOf();
  watch.take = (reader) => reader.failed(tooOldResourceVersion(2, 9));
  const { signal } = new AbortController();
  const body = watchStream(serviceKind, watch, { ...parts, signal, onError: (error) => faults.push(error) });
  const outlet = new Gathering();
  body.start(outlet);
  await body.over;
  const { type, object } = JSON.parse(outlet.pieces.join("")) as { type: string; object: { code: number } };
  assert.deepEqual([type, object.code, outlet.ended, faults], ["ERROR", 410, true, []]);
});
