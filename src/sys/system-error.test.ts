import assert from "node:assert/strict";
import { test } from "node:test";
import * as libc from "./libc.ts";
import { NativeArena } from "./arena.ts";
import { describeErrno, errnoName, SystemError } from "./system-error.ts";

test("errno values have the names of errno.h", () => {
  const table: [number, string][] = [
    [1, "EPERM"],
    [2, "ENOENT"],
    [11, "EAGAIN"],
    [16, "EBUSY"],
    [17, "EEXIST"],
    [85, "ERESTART"],
    [95, "EOPNOTSUPP"],
    [105, "ENOBUFS"],
    [524, "ENOTSUPP"],
    [4711, "errno 4711"],
  ];
  for (const [errno, name] of table) assert.equal(errnoName(errno), name);
  assert.equal(describeErrno(2), "ENOENT (no such file or directory)");
  assert.equal(describeErrno(85), "ERESTART");
});

test("a failed call says the call, its arguments and the reason", () => {
  assert.throws(
    () => libc.close(-1),
    (error: unknown) => {
      assert.ok(error instanceof SystemError);
      assert.deepEqual([error.syscall, error.code, error.args], ["close", "EBADF", [-1]]);
      assert.equal(error.message, "close(-1) failed: EBADF (bad file descriptor)");
      return true;
    },
  );
  assert.throws(() => libc.bind(-1, new Uint8Array(12)), /bind\(-1, <12 bytes>\) failed: EBADF/);
  assert.throws(() => libc.openPid(0x7fff_ffff), { name: "SystemError", code: "ESRCH" });
});

test("memory in an arena has an address, stays zero or copied, and only the arena's own has one", () => {
  using arena = new NativeArena();
  const copied = arena.copy(Uint8Array.of(1, 2, 3));
  assert.deepEqual([...copied], [1, 2, 3]);
  assert.equal(typeof arena.address(copied), "bigint");
  assert.deepEqual([...arena.alloc(4)], [0, 0, 0, 0]);
  assert.throws(() => arena.address(new Uint8Array(4)), /only memory that the arena owns/);
});
