/**
 * Text in columns as Go's text/tabwriter sets it (https://pkg.go.dev/text/tabwriter, elastic tabstops), with the settings
 * that netctl has: no minimal width, padded with blanks.
 *
 * A cell ends with a tab, so what follows a line's last tab is in no column. Cells of lines that follow one another and
 * have the same column are as wide as the widest of them and the padding; a line without the cell ends the column.
 */

/** Blanks after the widest cell of a column. */
export const PADDING = 2;

/** `lines` hold cells that end with tabs. */
export function tabwriter(lines: readonly string[], padding: number = PADDING): string {
  const cells = lines.map((line) => line.split("\t"));
  const widths = cells.map((): number[] => []);
  const setColumn = (from: number, to: number, column: number): void => {
    for (let line = from; line < to; line++) {
      if (!isInColumn(cells[line]!, column)) continue;
      let end = line;
      while (end < to && isInColumn(cells[end]!, column)) end++;
      const width =
        padding + Math.max(...cells.slice(line, end).map((row) => Array.from(row[column]!).length));
      for (let each = line; each < end; each++) widths[each]![column] = width;
      setColumn(line, end, column + 1);
      line = end;
    }
  };
  setColumn(0, cells.length, 0);
  return cells
    .map((row, line) => row.map((cell, column) => pad(cell, widths[line]![column])).join(""))
    .map((line) => `${line}\n`)
    .join("");
}

/** The last cell of a line has no tab after it. */
function isInColumn(row: readonly string[], column: number): boolean {
  return column < row.length - 1;
}

/** Go counts characters (runes), not UTF-16 units. */
function pad(cell: string, width: number | undefined): string {
  return width === undefined ? cell : cell + " ".repeat(width - Array.from(cell).length);
}
