import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { tabwriter } from "./tabwriter.ts";

test("columns are as wide as their widest cell and two blanks; what has no tab after it is in no column", () => {
  assert.equal(
    tabwriter([
      "Tenant\tNetwork\tGateway",
      "------\t-------\t-------",
      "default\tcontiv-srv-net\t10.1.1.254",
    ]),
    [
      "Tenant   Network         Gateway\n",
      "------   -------         -------\n",
      "default  contiv-srv-net  10.1.1.254\n",
    ].join(""),
  );
});

test("a line that ends with a tab is padded to its end, as Contiv's list of tenants is", () => {
  assert.equal(tabwriter(["Name\t", "------\t", "blue\t"]), "Name    \n------  \nblue    \n");
});

// The example "Elastic" of https://pkg.go.dev/text/tabwriter, with our padding and on the left.
test("a line without a column ends it, and the next ones begin a new one", () => {
  assert.equal(
    tabwriter(["a\tb\tc", "aa\tbb\tcc", "aaa\t", "aaaa\tdddd\teeee"]),
    "a     b   c\naa    bb  cc\naaa   \naaaa  dddd  eeee\n",
  );
  assert.equal(tabwriter(["a\tx", "none", "long cell\ty"]), "a  x\nnone\nlong cell  y\n");
});

test("an empty column is as wide as its padding, and characters count, not their UTF-16 units", () => {
  assert.equal(tabwriter(["a\t\tb"]), "a    b\n");
  assert.equal(tabwriter(["𝒳é\tb", "abc\tb"]), "𝒳é   b\nabc  b\n");
});

test("cells of a table begin where their column begins, and none is lost", () => {
  const cell = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom("a", "b", "-", "é") });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }).chain((columns) =>
        fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), {
          minLength: 1,
          maxLength: 6,
        }),
      ),
      (rows) => {
        const lines = tabwriter(rows.map((row) => row.join("\t")))
          .split("\n")
          .slice(0, -1);
        assert.deepEqual(
          lines.map((line) => line.split(/ {2,}/)),
          rows,
        );
        let start = 0;
        for (const column of rows[0]!.keys()) {
          for (const [index, row] of rows.entries())
            assert.equal(lines[index]!.slice(start, start + row[column]!.length), row[column]);
          start += 2 + Math.max(...rows.map((row) => row[column]!.length));
        }
      },
    ),
  );
});
