import { Caller } from "../islands/Caller.tsx";

export default function Unserialisable() {
  return <Caller call={() => {}} />;
}
