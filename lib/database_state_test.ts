import assert from "node:assert/strict";
import { type DatabaseFacts, diagnose, isUnannounced } from "./database_state.ts";

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
