import assert from "node:assert/strict";
import { type DatabaseFacts, diagnose, isUnannounced } from "./database_state.ts";
import type { WalFacts } from "./wal_state.ts";

const WELL: DatabaseFacts = {
  standby: false,
  queueUsage: 0,
  hasTable: true,
  hidden: false,
  maySelect: true,
  triggerEnabled: "O",
  triggerAsMade: true,
  pooler: false,
  foreignLogs: false,
  wal: null,
};

const WAL: WalFacts = {
  level: "logical",
  account: "me",
  mayReplicate: true,
  publication: true,
  revision: "1 2 3",
  slots: { used: 0, most: 1 },
  senders: { used: 0, most: 1 },
};

const code = (facts: Partial<DatabaseFacts>) => diagnose({ ...WELL, ...facts })?.code ?? null;

Deno.test("diagnose() finds nothing wrong where all is well", () => {
  assert.equal(code({}), null);
  assert.equal(code({ triggerEnabled: "A" }), null);
  assert.equal(code({ queueUsage: 0.25 }), null);
  // A table of that name that is somebody else's.
  assert.equal(code({ hidden: true }), null);
});

Deno.test("diagnose() names what is wrong, and says what to do", () => {
  const cases: [Partial<DatabaseFacts>, string, RegExp][] = [
    [{ standby: true }, "standby", /connect to the primary/u],
    [{ pooler: true }, "pooler", /^Connect directly to PostgreSQL/u],
    [{ hasTable: false }, "no_table", /run tailpost migrate/u],
    [{ hasTable: false, hidden: true }, "no_privilege", /GRANT USAGE ON SCHEMA/u],
    [{ maySelect: false }, "no_privilege", /GRANT SELECT ON logs/u],
    [{ triggerEnabled: null, triggerAsMade: false }, "trigger_missing", /run tailpost migrate/u],
    [{ triggerEnabled: "D" }, "trigger_disabled", /ENABLE TRIGGER logs_notify/u],
    [{ triggerEnabled: "R" }, "trigger_disabled", /run tailpost migrate/u],
    [{ triggerAsMade: false }, "trigger_altered", /run tailpost migrate/u],
    [{ queueUsage: 0.26 }, "queue_filling", /over 20 percent.*pg_stat_activity/u],
    [{ queueUsage: 0.46 }, "queue_full", /over 40 percent.*pg_stat_activity/u],
    [{ foreignLogs: true }, "foreign_logs", /run tailpost migrate/u],
  ];
  for (const [facts, expected, message] of cases) {
    const problem = diagnose({ ...WELL, ...facts });
    assert.equal(problem?.code, expected);
    assert.match(problem?.message ?? "", message);
    assert.doesNotMatch(problem?.message ?? "", /\.$/u);
  }
});

Deno.test("diagnose() tells the most basic of many first", () => {
  const all = {
    ...WELL,
    standby: true,
    hasTable: false,
    maySelect: false,
    triggerEnabled: null,
    queueUsage: 1,
  };
  assert.equal(diagnose(all)?.code, "standby");
  assert.equal(diagnose({ ...all, standby: false })?.code, "no_table");
  assert.equal(diagnose({ ...all, standby: false, hasTable: true })?.code, "no_privilege");
  assert.equal(code({ triggerEnabled: null, queueUsage: 1, foreignLogs: true }), "trigger_missing");
  assert.equal(code({ queueUsage: 1, foreignLogs: true }), "queue_full");
});

Deno.test("diagnose() says the same of a queue that fills on, until it has reached the next ten percent", () => {
  const message = (queueUsage: number) => diagnose({ ...WELL, queueUsage })?.message;
  assert.equal(message(0.31), message(0.399));
  assert.notEqual(message(0.39), message(0.41));
});

Deno.test("isUnannounced() tells where the table has to be asked", () => {
  assert.equal(isUnannounced(null), false);
  assert.equal(isUnannounced(diagnose({ ...WELL, triggerEnabled: "D" })), true);
  assert.equal(isUnannounced(diagnose({ ...WELL, queueUsage: 0.3 })), false);
  assert.equal(isUnannounced(diagnose({ ...WELL, foreignLogs: true })), false);
});

Deno.test("diagnose() judges the source wal by what that needs, and not by trigger and queue", () => {
  const judge = (wal: Partial<WalFacts>, facts: Partial<DatabaseFacts> = {}) =>
    diagnose({ ...WELL, ...facts, wal: { ...WAL, ...wal } });
  assert.equal(judge({}, { triggerEnabled: null, triggerAsMade: false, queueUsage: 1 }), null);
  assert.equal(judge({}, { standby: true })?.code, "standby");
  assert.equal(judge({}, { maySelect: false })?.code, "no_privilege");
  assert.equal(judge({}, { foreignLogs: true })?.code, "foreign_logs");
  assert.match(
    judge({ level: "replica" }, { pooler: true })?.message ?? "",
    /does not carry replication/u,
  );
  const cases: [Partial<WalFacts>, string, RegExp][] = [
    [{ level: "replica" }, "wal_level", /is replica.*ALTER SYSTEM SET wal_level = 'logical'/u],
    [{ mayReplicate: false }, "no_replication", /ALTER ROLE me REPLICATION/u],
    [{ publication: null }, "publication", /is missing: run tailpost migrate --source wal/u],
    [{ publication: false }, "publication", /is not what .*: run tailpost migrate --source wal/u],
    [{ slots: { used: 1, most: 1 } }, "slots_full", /slots are all in use \(1\).*max_replication_slots/u],
    [{ senders: { used: 1, most: 1 } }, "slots_full", /senders are all in use \(1\).*max_wal_senders/u],
  ];
  for (const [wal, code, message] of cases) {
    const problem = judge(wal);
    assert.equal(problem?.code, code);
    assert.match(problem?.message ?? "", message);
    assert.match(problem?.message ?? "", /Until then logs come from the table, up to a second late$/u);
    assert.equal(isUnannounced(problem, "wal"), code === "publication");
  }
  assert.equal(judge({ slots: { used: 1, most: 1 } }, { hasSlot: true }), null);
  assert.equal(judge({ senders: { used: 1, most: 1 } }, { hasSlot: true }), null);
});
