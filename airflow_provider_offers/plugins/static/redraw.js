// Draws again what is on the page. What has not changed stays: with the focus, the caret, and a list that is open.

/** Make the children of an element those that were made. A field stays, and keeps what a person has typed into it. */
export function redraw(element, made) {
  const active = document.activeElement;
  const path = element.contains(active) ? pathOf(element, active) : null;
  exchange(element, made);
  if (!path || active.isConnected) return;
  const again = path.reduce((at, index) => at?.children[index], element);
  if (again?.tagName === active.tagName) again.focus({preventScroll: true});
}

function exchange(element, made) {
  const old = [...element.childNodes];
  made.forEach((each, index) => (old[index] ? exchangeOne(old[index], each) : element.append(each)));
  old.slice(made.length).forEach((each) => each.remove());
}

function exchangeOne(old, made) {
  // What a person has opened stays open.
  if (old.tagName === "DETAILS" && made.tagName === "DETAILS") made.open = old.open;
  if (old.isEqualNode(made)) return;
  if (old.tagName === "INPUT" && made.tagName === "INPUT" && old.name === made.name) return void given(old, made);
  const alike = old.tagName && old.cloneNode(false).isEqualNode(made.cloneNode(false));
  if (!alike) return void old.replaceWith(made);
  const {value} = made;
  exchange(old, [...made.childNodes]);
  // A list whose entries come and go chooses by itself.
  if (old.tagName === "SELECT") old.value = value;
}

/** The page has another value for a field: it takes the place of what was typed. */
function given(old, made) {
  const isOther = old.dataset.given !== made.dataset.given;
  for (const {name, value} of made.attributes) old.setAttribute(name, value);
  if (isOther && old.value !== made.value) old.value = made.value;
}

function pathOf(element, inner) {
  const path = [];
  for (let at = inner; at !== element; at = at.parentElement) path.unshift([...at.parentElement.children].indexOf(at));
  return path;
}
