import assert from "node:assert/strict";
import { doctorReport, type Findings } from "./doctor.ts";

const WELL: Findings = {
  source: "notify",
  version: "18.4",
  migrations: { applied: 6, others: 0 },
  facts: {
    standby: false,
    queueUsage: 0,
    hasTable: true,
    hidden: false,
    maySelect: true,
    triggerEnabled: "O",
    triggerAsMade: true,
    foreignLogs: false,
    wal: {
      level: "logical",
      account: "me",
      mayReplicate: true,
      publication: true,
      revision: "",
      slots: { used: 1, most: 10 },
      senders: { used: 0, most: 10 },
    },
  },
  mayInsert: true,
  pooler: "none",
  keepSize: "-1",
  traffic: { seconds: 2, logs: 9, commits: 4 },
};

function report(findings: Partial<Findings>, facts: Partial<Findings["facts"]> = {}, wal = {}) {
  const all = { ...WELL, ...findings };
  const { rows, wrong } = doctorReport({
    ...all,
    facts: { ...all.facts, ...facts, wal: { ...all.facts.wal, ...wal } },
  });
  const text = rows.map(([name, text]) => `${name}: ${text}`);
  return { text, wrong, of: (name: string) => rows.find(([is]) => is.startsWith(name))?.[1] ?? "" };
}

Deno.test("doctorReport() tells what is there", () => {
  const { text, wrong } = report({});
  assert.deepEqual(wrong, []);
  assert.deepEqual(text, [
    "PostgreSQL: 18.4",
    "tables: 6 migrations, all applied",
    "account: me: reads logs, writes logs, may replicate",
    "trigger: enabled",
    "publication: as it should be",
    "wal_level: logical",
    "replication slots: 9 of 10 are free",
    "WAL senders: 10 of 10 are free",
    "max_slot_wal_keep_size: -1, no limit",
    "pooler: none",
    "notification queue: 0 percent full",
    "traffic: 4.5 logs/s, in at most 2 of 2 commits/s, within 2 s",
    "source notify (configured): works",
    "source wal: works",
    "recommended: notify: few commits write logs, and it needs nothing else",
  ]);
});

Deno.test("doctorReport() names all that a source lacks, and judges by the configured one", () => {
  const lacks = { level: "replica", mayReplicate: false, publication: null, slots: { used: 1, most: 1 } };
  const wal = report({ source: "wal" }, {}, lacks);
  assert.equal(wal.wrong.length, 4);
  const [first, ...others] = wal.text.slice(wal.text.findIndex((line) => line.startsWith("source wal")), -1);
  assert.match(first ?? "", /^source wal \(configured\): PostgreSQL's wal_level is replica.*ALTER SYSTEM/u);
  assert.deepEqual(others.map((line) => line.slice(0, 8)), [": The ac", ": The pu", ": Postgr"]);
  assert.deepEqual(report({}, {}, lacks).wrong, []);
  assert.equal(report({ source: "wal" }, { hasSlot: true }, { slots: { used: 1, most: 1 } }).wrong.length, 0);
  const trigger = report({ source: "wal" }, { triggerEnabled: "D" });
  assert.deepEqual(trigger.wrong, []);
  assert.match(trigger.of("source notify"), /is disabled: ALTER TABLE logs ENABLE TRIGGER/u);
  assert.match(report({}, { triggerEnabled: "D" }).wrong[0] ?? "", /is disabled/u);
});

Deno.test("doctorReport() counts a pooler for each source by what it carries", () => {
  const wrongs = (pooler: Findings["pooler"]) => {
    const { of } = report({ pooler });
    return [of("source notify") !== "works", of("source wal") !== "works"];
  };
  assert.deepEqual(wrongs("none"), [false, false]);
  assert.deepEqual(wrongs("session"), [false, true]);
  assert.deepEqual(wrongs("transaction"), [true, true]);
  assert.deepEqual(wrongs("refuses"), [true, true]);
});

Deno.test("doctorReport() tells of tables that are not there, not all there, or not to be seen", () => {
  const pending = report({ migrations: { applied: 2, others: 4 } });
  assert.equal(pending.of("tables"), "2 migrations applied, 4 not");
  assert.deepEqual(pending.wrong, ["4 migrations are not applied: run tailpost migrate"]);
  const none = report({ migrations: { applied: 0, others: 6 }, traffic: null }, { hasTable: false });
  assert.equal(none.of("tables"), "none");
  assert.match(none.wrong[0] ?? "", /no table logs .* run tailpost migrate/u);
  assert.equal(none.of("traffic"), "not looked at");
  assert.equal(none.of("recommended"), "notify");
  assert.equal(report({ migrations: null }).wrong.length, 1);
  assert.match(report({}, { standby: true }).of("PostgreSQL"), /a hot standby$/u);
});

Deno.test("doctorReport() recommends wal where many commits write logs", () => {
  const busy = { seconds: 2, logs: 4000, commits: 3000 };
  assert.match(report({ traffic: busy }).of("recommended"), /^wal: many commits write logs/u);
  assert.match(
    report({ traffic: busy }, {}, { publication: null }).of("recommended"),
    /^notify, until wal is set up \(what it lacks is above\)/u,
  );
  // Batches of many logs are few commits, and most commits may be about something else.
  assert.match(report({ traffic: { ...busy, commits: 20 } }).of("recommended"), /^notify: few/u);
  assert.match(report({ traffic: { ...busy, logs: 20 } }).of("recommended"), /^notify: few/u);
  assert.match(
    report({ source: "wal", traffic: { ...busy, logs: 0 } }).of("recommended"),
    /wal does no harm$/u,
  );
  assert.equal(
    report({ traffic: busy }).of("traffic"),
    "2,000 logs/s, in at most 1,500 of 1,500 commits/s, within 2 s",
  );
});
