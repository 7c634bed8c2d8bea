import assert from "node:assert/strict";
import { isAboutSigningIn, ruleOf } from "./policy.ts";

Deno.test("ruleOf() opens what is named, and nothing that resembles it", () => {
  assert.equal(ruleOf("GET", "/healthz"), "open");
  assert.equal(ruleOf("GET", "/healthz/"), "open");
  assert.equal(ruleOf("GET", "/login"), "open");
  assert.equal(ruleOf("GET", "/readyz"), "told");
  for (
    const path of ["/", "/healthz/x", "/login/x", "/loginx", "/%6cogin", "/HEALTHZ", "/nothing", "/metrics"]
  ) {
    assert.equal(ruleOf("GET", path), "read", path);
  }
});

Deno.test("ruleOf() takes ingest to write, and admin for settings", () => {
  assert.equal(ruleOf("POST", "/api/logs"), "ingest");
  assert.equal(ruleOf("POST", "/api/logs/"), "ingest");
  assert.equal(ruleOf("GET", "/api/logs"), "read");
  assert.equal(ruleOf("HEAD", "/api/logs/7"), "read");
  for (const path of ["/settings", "/settings/", "/settings/tokens", "/settings/new"]) {
    assert.equal(ruleOf("GET", path), "admin", path);
    assert.equal(ruleOf("POST", path), "admin", path);
  }
});

Deno.test("isAboutSigningIn() names what is not there without sign-in", () => {
  for (const path of ["/login", "/logout", "/settings/tokens"]) {
    assert.equal(isAboutSigningIn(path), true, path);
  }
  for (const path of ["/", "/logs/live", "/loginx", "/api/logs"]) {
    assert.equal(isAboutSigningIn(path), false, path);
  }
});
