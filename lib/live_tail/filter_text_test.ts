import assert from "node:assert/strict";
import { createFilterText } from "./filter_text.ts";

function setup(search = "") {
  const history = [search];
  const moved: string[] = [];
  let timers: (() => void)[] = [];
  const { filter, ...control } = createFilterText(new URLSearchParams(search));
  control.start({
    address: {
      read: () => history.at(-1) ?? "",
      push: (next) => history.push(next),
      replace: (next) => history.splice(-1, 1, next),
    },
    schedule(run) {
      timers.push(run);
      return () => timers = timers.filter((other) => other !== run);
    },
    moved: (address) => moved.push(address.toString()),
  });
  const rest = () => timers.splice(0).forEach((run) => run());
  return { filter, control, history, moved, rest };
}

Deno.test("createFilterText() writes an address as a text, and a text as an address", () => {
  const { filter, history, rest } = setup(
    "?level=error&service=a,b&q=card+declined&not=x&meta.user=42&log=3",
  );
  assert.equal(filter.text.value, 'level:error service:a,b meta.user=42 "card declined" -x');
  filter.type("level:warn+ timeout");
  assert.equal(filter.params.value.get("level"), "error", "not before typing rests");
  rest();
  assert.equal(history.at(-1), "?log=3&level=warn,error,fatal&q=timeout");
  assert.equal(filter.text.value, "level:warn+ timeout", "it stays as it was typed");
});

Deno.test("createFilterText() keeps the last good filter while the text has a problem", () => {
  const { filter, history, moved, rest } = setup("?q=a");
  filter.type("level:lod");
  rest();
  assert.deepEqual(history, ["?q=a"]);
  assert.deepEqual(moved, []);
  assert.equal(filter.params.value.toString(), "q=a");
  assert.deepEqual(filter.problems.value.map(({ from, to }) => [from, to]), [[0, 9]]);
});

Deno.test("createFilterText() finds what is wrong with a regular expression before it is asked for", async () => {
  const { filter, history, moved } = setup();
  const tell = Promise.withResolvers<void>();
  const stop = filter.problems.subscribe((problems) => problems.length > 0 && tell.resolve());
  filter.set("ok /(/");
  await tell.promise;
  stop();
  assert.deepEqual(filter.problems.value.map(({ from, to }) => [from, to]), [[3, 6]]);
  assert.match(filter.problems.value[0]?.message ?? "", /regular expression/u);
  assert.deepEqual([history, moved], [[""], []]);
  filter.set("ok");
  assert.deepEqual(filter.problems.value, []);
  assert.deepEqual(history, ["", "?q=ok"]);
});

Deno.test("createFilterText() read() takes up an address; what means the same stays as it was typed", () => {
  const { filter, control, moved } = setup();
  filter.set("level:error  service:b,a");
  control.read(new URLSearchParams("level=error&service=b,a&log=1"));
  assert.equal(filter.text.value, "level:error  service:b,a");
  control.read(new URLSearchParams("q=x&fields=user.id"));
  assert.equal(filter.text.value, "x");
  assert.deepEqual(filter.columns.value, ["user.id"]);
  assert.equal(moved.length, 1, "reading opens nothing");
});

Deno.test("createFilterText() has columns in the address, beside the filter", () => {
  const { filter, history, moved } = setup("?q=a");
  filter.setColumns(["user.id", "region"]);
  assert.equal(history.at(-1), "?q=a&fields=user.id,region");
  assert.deepEqual(moved, ["q=a&fields=user.id%2Cregion"]);
});

Deno.test("createFilterText() has another mark only where the filter is another", () => {
  const { filter } = setup("?q=a");
  const before = filter.mark.value;
  filter.set("a ");
  assert.equal(filter.mark.value, before);
  filter.set("b");
  assert.notEqual(filter.mark.value, before);
});
