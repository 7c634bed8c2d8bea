import type { LiveTail } from "../lib/live_tail/model.ts";

/** What is wrong with a control's value, beside the control. */
export function ProblemText({ tail, path }: { tail: LiveTail; path: string }) {
  const problem = tail.problem.value;
  if (problem?.path !== path) return null;
  return <p class="problem" id={`problem-${path}`} role="alert">{problem.message}</p>;
}

/** The attributes that tie a field to its problem. */
export function problemAttributes(tail: LiveTail, path: string) {
  return tail.problem.value?.path === path
    ? { "aria-invalid": true, "aria-describedby": `problem-${path}` } as const
    : {};
}
