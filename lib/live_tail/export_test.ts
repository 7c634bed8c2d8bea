import assert from "node:assert/strict";
import { exportPath, lastLog } from "./export.ts";

Deno.test("exportPath() takes the filter and the organization along, and no columns", () => {
  assert.equal(
    exportPath(new URLSearchParams("level=error&fields=a&organizationId=2"), {
      ...{ format: "csv", from: "2026-01-31T12:00:00.000Z", to: null },
    }),
    "/api/logs/export?level=error&organizationId=2&format=csv&from=2026-01-31T12%3A00%3A00.000Z",
  );
});

Deno.test("lastLog() finds the last log that begins in a part of a file", () => {
  const time = "2026-01-31T12:00:00.000Z";
  assert.deepEqual(
    lastLog(`x"}\n{"id":41,"timestamp":"${time}","level"\n{"id":42,"timestamp":"${time}","le`),
    {
      ...{ id: 42, time },
    },
  );
  assert.deepEqual(lastLog(`id,timestamp\r\n7,${time},info,a,"8,\r\nnot this",\r\n9,${time},info`), {
    id: 9,
    time,
  });
  assert.equal(lastLog("in the midst of a message"), null);
});
