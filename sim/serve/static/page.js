// Sends what the controls say to the server and puts the parts of the answer where they belong. It computes nothing.
"use strict";

const form = document.getElementById("controls");
const answer = document.getElementById("answer");
const PATIENCE_MS = 1000; // an answer that is no longer wanted may take so long before it is broken off

let current = null; // the request that is under way: {abort, since, outdated}

function fields() {
  const pairs = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (name === "strategy" || value.trim() !== "") pairs.append(name, value);
  }
  return pairs;
}

function ask() {
  if (current) {
    current.outdated = true;
    if (performance.now() - current.since > PATIENCE_MS) current.abort.abort();
    return;
  }
  current = { abort: new AbortController(), since: performance.now(), outdated: false };
  const own = current;
  answer.setAttribute("aria-busy", "true");
  receive(own)
    .catch((error) => {
      if (error.name !== "AbortError") tell("stopped", "The server does not answer; is `simulate serve` still running?");
    })
    .finally(() => {
      current = null;
      if (own.outdated) ask();
      else {
        answer.setAttribute("aria-busy", "false");
        document.body.dataset.answers = String(Number(document.body.dataset.answers || 0) + 1);
      }
    });
  setTimeout(() => { if (own === current && own.outdated) own.abort.abort(); }, PATIENCE_MS);
}

async function receive(own) {
  const response = await fetch(`/answer?${fields()}`, { signal: own.abort.signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) show(JSON.parse(line), own);
    if (own.outdated && !rest) return own.abort.abort(); // numbers are there; curves of before are not waited for
  }
  if (rest) show(JSON.parse(rest), own);
}

function show(part, own) {
  if (part.controls || part.errors) {
    if (own.outdated) return; // the controls were moved since: they say what is wanted, not what was asked
    return part.errors ? showErrors(part.errors) : showState(part);
  }
  if (part.stopped) return tell("stopped", part.stopped);
  for (const [id, text] of Object.entries(part)) {
    if (id.endsWith("-text")) tell(id.slice(0, -"-text".length), text);
    else document.getElementById(id).innerHTML = text;
  }
}

function tell(id, text) {
  const element = document.getElementById(id);
  if (element.textContent !== text) element.textContent = text;
}

function showErrors(errors) {
  for (const field of form.querySelectorAll("[data-field]")) {
    const name = field.dataset.field;
    tell(`${name}-error`, errors[name] || "");
    for (const input of field.querySelectorAll("select, textarea, input[type=text]")) {
      input.setAttribute("aria-invalid", String(name in errors));
    }
  }
  tell("general-error", errors[""] || "");
}

function showState(part) {
  tell("stopped", "");
  showErrors({});
  for (const control of part.controls) showControl(control);
  history.replaceState(null, "", `/?${part.address}`);
  for (const link of document.querySelectorAll("[data-path]")) link.href = `${link.dataset.path}?${part.address}`;
}

function showControl(control) {
  const text = document.getElementById(control.name);
  const slider = document.getElementById(`${control.name}-slider`);
  if (document.activeElement !== text) text.value = control.text;
  text.placeholder = control.placeholder;
  text.disabled = slider.disabled = control.off;
  text.closest("[data-field]").hidden = control.hidden;
  tell(`${control.name}-hint`, control.hint);
  if (document.activeElement === slider && slider.dataset.moving) return; // it is being dragged: leave it alone
  slider.dataset.stops = JSON.stringify(control.stops);
  slider.max = control.stops.length - 1;
  slider.value = control.position;
  slider.setAttribute("aria-valuetext", control.text || control.stops[control.position]);
}

form.addEventListener("input", (event) => {
  const from = event.target;
  if (from.type === "range") {
    const stop = JSON.parse(from.dataset.stops)[Number(from.value)];
    document.getElementById(from.id.replace("-slider", "")).value = stop;
    from.setAttribute("aria-valuetext", stop);
    from.dataset.moving = "yes";
  }
  for (const name of (from.dataset.clears || "").split(" ").filter(Boolean)) document.getElementById(name).value = "";
  ask();
});
form.addEventListener("change", (event) => delete event.target.dataset.moving);
form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });

const same = document.getElementById("same");
same.addEventListener("click", () => {
  const hidden = document.getElementById("equivalent").toggleAttribute("hidden");
  same.setAttribute("aria-expanded", String(!hidden));
});
for (const button of document.querySelectorAll("[data-copies]")) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}

if (matchMedia("(max-width: 800px)").matches) document.getElementById("panel").open = false;
const wrong = [...form.querySelectorAll(".error")].some((each) => each.textContent);
if (wrong) answer.setAttribute("aria-busy", "false");
else ask();
