/**
 * The architecture as a test: each folder of src may import only itself and folders before it in layers.json, and no
 * two files import each other in a circle.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

const root = import.meta.dirname;
const { layers } = JSON.parse(readFileSync(join(root, "layers.json"), "utf8")) as { layers: string[] };
const files = globSync("**/*.ts", { cwd: root }).sort();

/** The relative module paths a file imports, type-only imports included. */
function imports(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"(\.[^"]+)"|import\("(\.[^"]+)"\)|(?:^|\n)import\s+"(\.[^"]+)"/g,
  );
  return [...found].map((match) => normalize(join(dirname(file), (match[1] ?? match[2] ?? match[3])!)));
}

test("every folder imports only layers below it", () => {
  assert.ok(files.length > 20, `only ${files.length} files looked at`);
  let edges = 0;
  const breaches: string[] = [];
  for (const file of files) {
    const layer = file.split("/")[0]!;
    if (file === "layers.test.ts") continue;
    assert.ok(layers.includes(layer), `${file} is in no layer: add its folder to src/layers.json`);
    for (const target of imports(file)) {
      edges += 1;
      const below = target.split("/")[0]!;
      if (target.startsWith("..")) {
        if (!file.endsWith(".test.ts")) breaches.push(`${file} imports ${target}, outside of src`);
      } else if (layers.indexOf(below) > layers.indexOf(layer)) {
        breaches.push(`${file} imports ${target}: ${below} is above ${layer}`);
      }
    }
  }
  assert.ok(edges > 20, `only ${edges} imports found: the reader of imports is broken`);
  assert.deepEqual(breaches, []);
});

test("the reader of imports sees a breach", () => {
  const known = imports("layers.test.ts");
  assert.deepEqual(known, []);
  const table = files.filter((file) => imports(file).some((target) => target.startsWith("base/")));
  assert.ok(table.length > 0, "nobody imports base: the reader of imports is broken");
});
