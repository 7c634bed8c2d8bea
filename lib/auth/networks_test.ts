import assert from "node:assert/strict";
import fc from "fast-check";
import { accountOf, isIn, parseNetworks } from "./networks.ts";

const among = (address: string, networks: string) => isIn(address, parseNetworks(networks) ?? []);

Deno.test("isIn() finds an address in a network, however either is written", () => {
  assert.equal(among("10.1.2.3", "10.0.0.0/8"), true);
  assert.equal(among("11.1.2.3", "10.0.0.0/8"), false);
  assert.equal(among("::ffff:10.1.2.3", "127.0.0.1, 10.0.0.0/8"), true);
  assert.equal(among("::ffff:a01:203", "10.1.2.3"), true);
  assert.equal(among("127.0.0.2", "127.0.0.1"), false);
  assert.equal(among("fd00::1", "fd00::/8"), true);
  assert.equal(among("FD00:0:0:0:0:0:0:1", "fd00::1"), true);
  assert.equal(among("fe80::1%eth0", "fe80::/10"), true);
  assert.equal(among("::1", "::1/128"), true);
  assert.equal(among("1.2.3.4", "0.0.0.0/0"), true);
  assert.equal(among("::1", "0.0.0.0/0"), false);
  for (const nothing of ["", "localhost", "unix", "1.2.3", "1.2.3.4.5", "256.0.0.1"]) {
    assert.equal(among(nothing, "::/0"), false, nothing);
  }
});

Deno.test("parseNetworks() refuses what is no network", () => {
  const bad = [
    "",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "::/129",
    "10.0.0.0/8/8",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
  ];
  for (const text of [...bad, "1:2:3", "::g", "localhost", "10.0.0.1,", "01.2.3.400", "::1.2.3.999"]) {
    assert.equal(parseNetworks(text), null, text);
  }
});

Deno.test("isIn() finds every IPv4 and IPv6 address in the network of itself", () => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
    assert.equal(among(address, address), true);
    assert.equal(among(address, `${address}/0`), true);
  }));
});

Deno.test("accountOf() counts one IPv4 address as one, and one network of an IPv6 client", () => {
  const same = [
    ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"],
    ["2001:db8::1", "2001:DB8:0:0:ffff::2", "2001:db8::"],
    ["localhost", "", "nonsense"],
    ["fe80::1%eth0", "fe80::2"],
  ];
  const accounts = same.map((addresses) => new Set(addresses.map((address) => accountOf(address))));
  assert.deepEqual(accounts.map((set) => set.size), [1, 1, 1, 1]);
  assert.equal(new Set(accounts.flatMap((set) => [...set])).size, 4);
  assert.equal(accountOf("192.0.2.7"), "192.0.2.7");
  assert.notEqual(accountOf("192.0.2.7"), accountOf("192.0.2.8"));
  assert.notEqual(accountOf("2001:db8::1"), accountOf("2001:db8:0:1::1"));
  assert.equal(accountOf("nonsense", "192.0.2.7"), "192.0.2.7");
});
