import type { LiveTail } from "../lib/live_tail/model.ts";
import { serviceColor } from "../lib/live_tail/service_color.ts";
import { visibleText } from "../lib/live_tail/format.ts";
import { serviceNames, toggleService } from "../lib/live_tail/view.ts";
import { ServiceIcon } from "./icons.tsx";
import { problemAttributes, ProblemText } from "./ProblemText.tsx";

/** Names between commas, and below them the services that have been seen, to pick from. */
export function ServiceField({ tail }: { tail: LiveTail }) {
  const view = tail.view.value;
  const chosen = serviceNames(view.service);
  const typed = (view.service.split(",").at(-1) ?? "").trim().toLowerCase();
  const all = [...new Set([...tail.services.value, ...chosen])].sort();
  // While a name is being typed the list narrows to what it may become.
  const complete = typed === "" || chosen.some((name) => name.toLowerCase() === typed && all.includes(name));
  const offered = complete ? all : all.filter((name) => name.toLowerCase().includes(typed));
  const pick = (name: string) =>
    tail.edit({
      ...tail.view.value,
      service: complete ? toggleService(view.service, name) : toggleService(withoutLast(view.service), name),
    });
  return (
    <div class="field field-service">
      <label class="input">
        <ServiceIcon />
        <span class="sr-only">Services, between commas</span>
        <input
          type="text"
          name="service"
          value={view.service}
          placeholder="All services"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          onInput={(event) => tail.edit({ ...view, service: event.currentTarget.value }, "service")}
          {...problemAttributes(tail, "service")}
        />
      </label>
      {offered.length > 0 && (
        <div
          class="menu"
          role="group"
          aria-label="Services seen so far"
          // The field keeps the focus, and with it the list stays open.
          onMouseDown={(event) => event.preventDefault()}
        >
          {offered.map((name) => (
            <button
              key={name}
              type="button"
              class="menu-item"
              aria-pressed={chosen.includes(name)}
              onClick={() => pick(name)}
            >
              <span class={`menu-dot ${serviceColor(name)}`} aria-hidden="true" />
              {visibleText(name)}
            </button>
          ))}
        </div>
      )}
      <ProblemText tail={tail} path="service" />
    </div>
  );
}

function withoutLast(field: string): string {
  return field.split(/(?<!\\),/u).slice(0, -1).join(",");
}
