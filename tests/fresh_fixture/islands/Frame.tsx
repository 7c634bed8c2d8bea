import { useState } from "preact/hooks";
import { Counter } from "./Counter.tsx";

/** An island that holds another. */
export function Frame({ title }: { title: string }) {
  const [clicks, setClicks] = useState(0);
  return (
    <fieldset id="frame" onClick={() => setClicks(clicks + 1)}>
      <legend>{title} {clicks}</legend>
      <Counter id="inner" start={clicks} />
    </fieldset>
  );
}
