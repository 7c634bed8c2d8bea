/** What a value of a log can be made of in the filter: shown alone, beside others, or left out. Pure. */

import { type Level, LEVELS } from "../log.ts";
import { serviceNames, toggleLevel, toggleService, type View } from "./view.ts";

/** Something to choose, and the controls as they are then. */
export interface Choice {
  readonly label: string;
  readonly view: View;
}

/** The choices for a level. */
export function levelChoices(view: View, level: Level): readonly Choice[] {
  const worse = LEVELS.slice(LEVELS.indexOf(level));
  const passed = view.levels.length > 0 ? view.levels : LEVELS;
  const others = passed.filter((other) => other !== level);
  const choices: Choice[] = [{ label: `Only ${level}`, view: { ...view, levels: [level] } }];
  if (worse.length > 1 && worse.length < LEVELS.length) {
    choices.push({ label: `${level} and worse`, view: { ...view, levels: worse } });
  }
  if (others.length > 0) choices.push({ label: `Without ${level}`, view: { ...view, levels: others } });
  if (view.levels.length > 0 && !view.levels.includes(level)) {
    choices.push({ label: `${level} too`, view: toggleLevel(view, level) });
  }
  return choices;
}

/** The choices for a service. Filters name the services that are wanted: leaving one out needs another to be named. */
export function serviceChoices(view: View, service: string): readonly Choice[] {
  const names = serviceNames(view.service);
  const with_ = (field: string): View => ({ ...view, service: field });
  const choices: Choice[] = [{ label: `Only ${service}`, view: with_(toggleService("", service)) }];
  const toggled = with_(toggleService(view.service, service));
  if (!names.includes(service)) {
    if (names.length > 0) choices.push({ label: `${service} too`, view: toggled });
  } else if (names.length > 1) choices.push({ label: `Without ${service}`, view: toggled });
  else choices.push({ label: "All services", view: with_("") });
  return choices;
}
