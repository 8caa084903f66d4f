/**
 * Lets this host reach node ports on 127.0.0.1. A packet from there is translated to an endpoint, and Linux routes packets
 * with a loopback address only where net.ipv4.conf.*.route_localnet is set. It is turned on while there are node ports,
 * and set `settings` in the kernel remembers that it was us, so that it is turned off again even by another process; set
 * `guarded4` keeps everybody else from sending to 127.0.0.0/8 meanwhile (CVE-2020-8558).
 */
import type { Log } from "../../base/log.ts";
import type { Command, SetElement } from "../../net/nftables/model.ts";
import { readSysctl, writeSysctl } from "../../sys/sysctl.ts";
import type { KernelState } from "./kernel-state.ts";
import { elementKey } from "./kernel-state.ts";
import { IFNAME_LENGTH, setReference, settings } from "./sets.ts";

/** net.ipv4.conf.all.route_localnet of the namespace that is programmed. */
export interface LoopbackSetting {
  isOn(): boolean;
  turn(on: boolean): void;
}

const NAME = "net/ipv4/conf/all/route_localnet";

export function loopbackSetting(netns?: string): LoopbackSetting {
  return {
    isOn: () => readSysctl(NAME, netns) !== "0",
    turn: (on) => writeSysctl(NAME, on ? 1 : 0, netns),
  };
}

const MARK: SetElement = {
  key: Uint8Array.from(Buffer.concat([Buffer.from("route_localnet")], IFNAME_LENGTH)),
};
const MARK_KEY = elementKey(MARK);

/** How often to look whether somebody has turned it off, in milliseconds: the kernel tells nobody. */
const CHECK_INTERVAL = 1000;

export interface LoopbackRoutingParts {
  readonly setting: LoopbackSetting;
  readonly commit: (commands: readonly Command[]) => void;
  readonly log: Log;
}

export class LoopbackRouting implements Disposable {
  readonly #parts: LoopbackRoutingParts;
  /** It was off, and we turned it on. */
  #isOurs = false;
  /** The kernel's set says so. */
  #isMarked = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: LoopbackRoutingParts) {
    this.#parts = parts;
  }

  /** Takes over what the kernel's table says, which is kept there by desiredState. */
  adopt(kernel: KernelState): void {
    this.#isMarked = isMarked(kernel);
    if (this.#isMarked) this.#isOurs = true;
  }

  /** What set `settings` should hold. */
  elements(): SetElement[] {
    return this.#isMarked ? [MARK] : [];
  }

  /** Turns it on or off as `needed`. A machine that does not let us is told, and has all else. */
  update(needed: boolean): void {
    try {
      if (needed) this.#turnOn();
      else this.turnOff();
    } catch (error) {
      this.#parts.log.error(
        { err: error },
        "net.ipv4.conf.all.route_localnet cannot be set: no node ports on 127.0.0.1",
      );
    }
  }

  #turnOn(): void {
    const { setting, log } = this.#parts;
    if (!setting.isOn()) {
      setting.turn(true);
      if (this.#timer !== undefined)
        log.warn({}, "somebody turned net.ipv4.conf.all.route_localnet off: repaired");
      this.#isOurs = true;
    }
    this.#mark(this.#isOurs);
    this.#timer ??= setInterval(() => this.update(true), CHECK_INTERVAL).unref();
  }

  /** If it was turned on by us. */
  turnOff(): void {
    this.#stop();
    if (!this.#isOurs) return;
    this.#parts.setting.turn(false);
    this.#isOurs = false;
    this.#mark(false);
  }

  /** The table is gone, and the mark with it. */
  forgetMark(): void {
    this.#isMarked = false;
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #mark(mark: boolean): void {
    if (mark === this.#isMarked) return;
    const op = mark ? "add elements" : "delete elements";
    this.#parts.commit([{ op, set: setReference(settings.name, settings.kind), elements: [MARK] }]);
    this.#isMarked = mark;
  }
}

/** What set `settings` should hold: what it holds, if we understand it. */
export function settingElements(kernel: KernelState | undefined): SetElement[] {
  return kernel !== undefined && isMarked(kernel) ? [MARK] : [];
}

function isMarked(kernel: KernelState): boolean {
  return kernel.elements.get(settings.name)?.has(MARK_KEY) === true;
}
