import assert from "node:assert/strict";
import { curlRead, curlSend } from "./curl.ts";

const origin = "https://logs.example";
const read = (organizationId: string | null, takesToken: boolean) =>
  curlRead(origin, 7, { organizationId, takesToken });

Deno.test("curlRead() names the log, its organization and where the token goes", () => {
  assert.equal(read(null, false), "curl 'https://logs.example/api/logs/7'");
  assert.equal(
    read("2", true),
    "curl -H 'Authorization: Bearer tp_...' 'https://logs.example/api/logs/7?organizationId=2'",
  );
});

Deno.test("curlRead() lets nothing in the address end its quotes", () => {
  assert.equal(
    read("'; ls #", false),
    "curl 'https://logs.example/api/logs/7?organizationId=%27%3B+ls+%23'",
  );
});

Deno.test("curlSend() says where the token goes where one is needed", () => {
  assert.match(curlSend(origin, false), /^curl https:\/\/logs\.example\/api\/logs \\\n {2}-H 'Content-Type/u);
  assert.match(curlSend(origin, true), /logs -H 'Authorization: Bearer tp_\.\.\.' \\\n/u);
});
