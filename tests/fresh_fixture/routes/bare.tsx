import type { RouteConfig } from "fresh";

export const config: RouteConfig = { skipAppWrapper: true };

export default function Bare() {
  return <h1>bare</h1>;
}
