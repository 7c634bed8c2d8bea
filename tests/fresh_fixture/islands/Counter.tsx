import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { asset, IS_BROWSER } from "fresh/runtime";

interface CounterProps {
  id: string;
  start: number;
  note?: string;
  nested?: { list: (number | string | null)[]; flag: boolean };
}

/** Counts clicks, and says where it runs and what it was given. */
export function Counter({ id, start, ...rest }: CounterProps) {
  const count = useSignal(start);
  const [where, setWhere] = useState("server");
  useEffect(() => setWhere(IS_BROWSER ? "browser" : "server"), []);
  return (
    <section id={id} data-where={where} data-icon={asset("/styles.css")}>
      <button type="button" onClick={() => count.value++}>clicked {count} times</button>
      <output>{JSON.stringify(rest)}</output>
    </section>
  );
}

/** The default export of a file is an island too. */
export default function Shouter({ text }: { text: string }) {
  const [loud, setLoud] = useState(false);
  return (
    <button type="button" id="shouter" onClick={() => setLoud(true)}>
      {loud ? text.toUpperCase() : text}
    </button>
  );
}
