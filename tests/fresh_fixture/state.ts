import { createDefine } from "fresh";

/** What the fixture's middleware leaves for its routes. */
export interface State {
  trail: string[];
}

/** The fixture's `define` functions. */
export const define = createDefine<State>();
