import assert from "node:assert/strict";
import fc from "fast-check";
import { channelOf, NotificationError, organizationOf, parseNotification } from "./notification.ts";

const log = {
  id: 1,
  timestamp: "2026-01-31T12:00:00.000Z",
  level: "info",
  service: "api",
  message: "Hello",
};

Deno.test("channelOf() and organizationOf() are each other's inverse", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (organizationId) => {
    assert.equal(organizationOf(channelOf(organizationId)), organizationId);
  }));
});

Deno.test("channelOf() takes organizations alone", () => {
  for (const bad of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) assert.throws(() => channelOf(bad), RangeError);
});

Deno.test("organizationOf() knows no other channels", () => {
  for (
    const channel of ["", "logs_", "logs_0", "logs_01", "logs_-1", "logs_1 ", "xlogs_1", "logs_1x", "LOGS_1"]
  ) {
    assert.equal(organizationOf(channel), null, channel);
  }
  assert.equal(organizationOf("logs_9999999999999999"), null);
});

Deno.test("parseNotification() reads logs, previews, ids alone and more", () => {
  const payload = { s: "1:3:2", logs: [log, { ...log, id: 2, truncated: true }, { id: 3 }] };
  const notification = parseNotification(JSON.stringify(payload));
  assert.deepEqual(notification, { cursor: "1:3:2", logs: payload.logs, more: false });
  assert.deepEqual(parseNotification('{"s":"1:3:2","more":true}'), { cursor: "1:3:2", logs: [], more: true });
});

Deno.test("parseNotification() takes a level that it does not know for info, and drops what it does not know", () => {
  const { logs } = parseNotification(
    JSON.stringify({ s: "1:3:", logs: [{ ...log, level: "loud", extra: 1, truncated: "yes" }] }),
  );
  assert.deepEqual(logs, [log]);
});

Deno.test("parseNotification() throws NotificationError on whatever the trigger did not write", () => {
  const bad = [
    "",
    "null",
    "1",
    "[]",
    "{}",
    "{",
    '{"s":1,"logs":[]}',
    '{"s":"1:3:"}',
    '{"s":"1:3:","logs":{}}',
    '{"s":"3:1:","logs":[]}',
    '{"s":"1:3:\\n\\ndata: x","logs":[]}',
    '{"s":"1:3:","logs":[null]}',
    '{"s":"1:3:","logs":[{}]}',
    '{"s":"1:3:","logs":[{"id":"1"}]}',
    '{"s":"1:3:","logs":[{"id":1.5}]}',
    '{"s":"1:3:","logs":[{"id":9007199254740993}]}',
    '{"s":"1:3:","logs":[{"id":1,"message":1}]}',
    '{"s":"1:3:","logs":[{"id":1,"message":"only"}]}',
  ];
  for (const payload of bad) assert.throws(() => parseNotification(payload), NotificationError, payload);
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (payload) => {
    assert.throws(() => parseNotification(payload), NotificationError);
  }));
});
