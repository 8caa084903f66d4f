/** The terminal's alternate screen, redrawn in place, with keys; whatever happens, the terminal is given back as it was. */
import { emitKeypressEvents, type Key } from "node:readline";
import type { ReadStream, WriteStream } from "node:tty";

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_TO_END_OF_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

export interface Screen extends Disposable {
  readonly columns: number;
  readonly rows: number;
  draw(lines: readonly string[]): void;
}

export interface ScreenOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  /** "q", "up", "pagedown"; "ctrl-c". */
  readonly onKey: (key: string) => void;
  readonly onResize: () => void;
}

export function openScreen({ input, output, onKey, onResize }: ScreenOptions): Screen {
  const onKeypress = (_text: string | undefined, { name, ctrl }: Key): void => {
    if (name !== undefined) onKey(ctrl === true ? `ctrl-${name}` : name);
  };
  emitKeypressEvents(input);
  input.setRawMode(true);
  input.on("keypress", onKeypress);
  input.resume();
  output.on("resize", onResize);
  output.write(ENTER);
  return {
    get columns() {
      return output.columns;
    },
    get rows() {
      return output.rows;
    },
    draw: (lines) =>
      void output.write(HOME + lines.map((line) => line + CLEAR_TO_END_OF_LINE).join("\r\n") + CLEAR_BELOW),
    [Symbol.dispose]() {
      output.write(LEAVE);
      output.off("resize", onResize);
      input.off("keypress", onKeypress);
      input.setRawMode(false);
      input.pause();
    },
  };
}
