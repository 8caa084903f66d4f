/** A table whose rows come one at a time: columns grow, and are never made narrower again. */
import type { WatchLine } from "../../contiv/wire.ts";
import { PADDING } from "./tabwriter.ts";
import type { TableOf } from "./tables.ts";

type Change = WatchLine<never, never>["type"];

export interface WatchTable<Row> {
  /** The row with what became of it in a last column, and before the first one the table's head. */
  line(row: Row, change: Change): string;
}

export function createWatchTable<Row>({ head, row }: TableOf<Row>): WatchTable<Row> {
  const cellsOf = (line: string): string[] => line.replace(/\t$/, "").split("\t");
  const [titles = "", dashes = ""] = head;
  const heads = [
    [...cellsOf(titles), "Change"],
    [...cellsOf(dashes), "------"],
  ];
  const widths: number[] = [];
  let begun = false;
  const fitted = (cells: readonly string[]): string => `${cells.map(padded).join("").trimEnd()}\n`;
  const padded = (cell: string, column: number): string => cell.padEnd(widths[column]! + PADDING);
  const grow = (cells: readonly string[]): void => {
    for (const [column, cell] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  };
  return {
    line(object, change) {
      const cells = [...cellsOf(row(object)), change];
      const first = !begun;
      begun = true;
      if (first) for (const each of heads) grow(each);
      grow(cells);
      return (first ? heads.map(fitted).join("") : "") + fitted(cells);
    },
  };
}
