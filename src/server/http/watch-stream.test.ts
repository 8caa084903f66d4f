import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import type { RegistryEvent, RegistryWatch } from "../registry.ts";
import { draftOf } from "../registry/stored-object.ts";
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
  async function* each(): AsyncGenerator<readonly RegistryEvent<Service>[], undefined> {
    yield* items;
  }
  const watch: AsyncIterable<readonly RegistryEvent<Service>[]> & { close(): void } = {
    [Symbol.asyncIterator]: () => each(),
    close() {},
  };
  return watch as RegistryWatch<Service>;
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
  const pieces: string[] = [];
  let told = 0;
  const { signal } = new AbortController();
  for await (const piece of watchStream(serviceKind, watchOf(events, [added("last")]), {
    ...parts,
    signal,
    onSent: (number) => (told += number),
  }))
    pieces.push(piece.toString());
  ended = true;
  const names = pieces
    .join("")
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as RegistryEvent<Service>).object.metadata.name);
  assert.deepEqual(names, [...events.map(({ object }) => object.metadata.name), "last"]);
  assert.equal(told, 20_001);
  assert.ok(pieces.length > 2, `${pieces.length} pieces`);
  assert.ok(turns >= pieces.length - 2, `${turns} turns for ${pieces.length} pieces`);
});

test("a client that goes away in the middle of many gets no more of them", async () => {
  const leaving = new AbortController();
  const events = Array.from({ length: 20_000 }, (_, n) => added(`s${n}`));
  let pieces = 0;
  for await (const _ of watchStream(serviceKind, watchOf(events), { ...parts, signal: leaving.signal })) {
    pieces++;
    leaving.abort();
  }
  assert.equal(pieces, 1);
});
