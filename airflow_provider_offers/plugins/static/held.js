// A button of the mouse is down. What it is over must stay until it is up: the browser clicks nothing that was replaced.

let over = null;
const waiting = new Map();

/** Whether a button of the mouse is down over an element. */
export function isHeld(element) {
  return over !== null && element.contains(over);
}

/** Do some work that draws an element again: now, or once no button is down over it. Later work takes the place of earlier. */
export function whenFree(element, work) {
  if (isHeld(element)) return void waiting.set(element, work);
  waiting.delete(element);
  work();
}

function release() {
  over = null;
  const works = [...waiting.values()];
  waiting.clear();
  for (const work of works) work();
}

window.addEventListener("pointerdown", (event) => (over = event.target), {capture: true});
// The click comes after the button is up. A drag may end anywhere.
for (const up of ["pointerup", "pointercancel"]) window.addEventListener(up, () => setTimeout(release), {capture: true});
// A menu may swallow the end of the press.
window.addEventListener("pointermove", (event) => over && !event.buttons && release(), {capture: true});
