/** An island that no server can give its props to. */
export function Caller({ call }: { call: () => void }) {
  return <button type="button" onClick={call}>call</button>;
}
