import assert from "node:assert/strict";
import { parsePasswd } from "./_account.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash
`;

Deno.test("parsePasswd() prefers an account of our own, then PostgreSQL's, then nobody's", () => {
  assert.deepEqual(parsePasswd(`${PASSWD}tailpost:x:990:991::/:/bin/false\n`), { uid: 990, gid: 991 });
  assert.deepEqual(parsePasswd(PASSWD), { uid: 101, gid: 104 });
  assert.deepEqual(parsePasswd(PASSWD.replace("postgres", "other")), { uid: 65534, gid: 65534 });
  assert.deepEqual(parsePasswd("nobody:*:-2:-2::/:/bin/false\n"), { uid: 4294967294, gid: 4294967294 });
});

Deno.test("parsePasswd() never picks root", () => {
  assert.equal(
    parsePasswd("postgres:x:0:0::/:/bin/sh\nnobody:x:65534:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n"),
    undefined,
  );
  assert.equal(parsePasswd("nobody\n\n:::\n"), undefined);
});
