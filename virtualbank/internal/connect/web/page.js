// The page of a provider's widget. It shows one view after the other, and sends each step of the
// user to the bank. It passes the outcome to the window that opened it.

import { h, header, views } from "/connect/views.js";

const { provider, mode } = document.documentElement.dataset;
const query = new URLSearchParams(location.search);
const page = document.getElementById("page");
// What each step has on the institution's own page.
const login = mode === "bank" ? { login: query.get("login"), popup: query.has("popup") } : {};

let run = ""; // the id of the run at the bank
let last; // the view that is shown
let busy = false;
let popup; // the window of the institution's own page

// What the window that opened the page gets. MoneyKit's messages are those of its npm package.
// Those of the others are the bank's own, because their scripts are too.
const opener = {
  origin: query.get("origin"),
  send(type, data) {
    if (parent === window || !this.origin) return;
    parent.postMessage(provider === "moneykit" ? { moneykit: true, type, data } : { connect: provider, type, data },
      this.origin);
  },
};

// The events that the widgets announce, by step and by view.
const events = {
  moneykit: {
    open: "open", choose: "select_institution", login: "submit_credentials", code: "submit_otp", consent: "submit_accounts",
    popup: "open_oauth", failed: "error", done: "success", left: "exit",
  },
  plaid: { open: "OPEN", choose: "SELECT_INSTITUTION", failed: "ERROR", done: "HANDOFF", left: "EXIT" },
  dapi: {},
}[provider];

function announce(what) {
  const name = events[what];
  if (!name || mode === "bank") return;
  const institution = last?.institution;
  if (provider === "moneykit") {
    opener.send("link.event", { name, properties: {}, meta: {
      link_type: mode === "relink" ? "relink" : "link", timestamp: new Date().toISOString(),
      institution_id: institution?.id, institution_name: institution?.name,
    } });
  } else {
    opener.send("event", { name, metadata: {
      timestamp: new Date().toISOString(), view_name: last?.view ?? null, error_code: last?.code ?? null,
      institution_id: institution?.id ?? null, institution_name: institution?.name ?? null,
    } });
  }
}

// act sends a step and shows what comes next. A second step waits for the first: a double click is
// one step.
async function act(step, more = {}) {
  if (busy) return;
  if (step === "leave" && !run) return end({ view: "left", result: last?.result ?? null });
  busy = true;
  page.setAttribute("aria-busy", "true");
  closePopup();
  let view;
  try {
    const response = await fetch("/connect/step", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ run, step, ...more, ...login }),
    });
    if (!response.ok) throw new Error();
    view = await response.json();
  } catch {
    view = { ...last, view: last?.view ?? "failed", note: "The bank cannot be reached. Try again." };
  }
  busy = false;
  page.removeAttribute("aria-busy");
  run = view.run ?? run;
  view.username = more.username; // so that only the password must be entered again
  announce(step);
  show(view);
}

function show(view) {
  last = view;
  if (view.view === "left" || view.view === "done") return end(view);
  if (view.view === "return") return location.replace(view.return);
  if (view.final) announce("failed");
  draw(view);
}

// draw shows a view. The keyboard continues at the field that is wrong, or else at the heading.
function draw(view) {
  const content = views[view.view](view, act, { popup: openPopup, cancel: act.bind(null, "choose", {
    institution: view.institution?.id,
  }) });
  page.replaceChildren(header(view, act), h("section", null, content));
  const wrong = view.note && page.querySelector("input:not([type=search])");
  (wrong || page.querySelector("h1")).focus();
}

// end passes the outcome on.
function end(view) {
  announce(view.view);
  run = "";
  if (mode === "hosted") {
    if (view.completion) return location.replace(view.completion);
    return draw({ view: "closed" });
  }
  if (provider === "moneykit") sendMoneyKit(view);
  else opener.send(view.view === "done" ? "success" : "exit", view.result);
  draw({ view: view.view === "done" ? "done" : "closed" });
}

// sendMoneyKit passes the outcome on in the messages of MoneyKit's package. A page for new links
// reports a link, also where the session renews one: there is no token then.
function sendMoneyKit({ view, result, relink }) {
  if (view === "left") opener.send("link.exit", { error: result });
  else if (relink) opener.send("relink.complete", { institution: result.institution });
  else opener.send("link.complete", { exchangeableToken: result.exchangeable_token, institution: result.institution });
}

// openPopup opens the institution's page in a window of its own.
function openPopup(view) {
  closePopup();
  announce("popup");
  popup = window.open(view.popup, "_blank", "popup,width=480,height=760");
  if (!popup) return show({ ...view, view: "oauth", note: "Your browser did not open the window." });
  draw({ ...view, view: "waiting", note: "" });
  const opened = popup;
  const timer = setInterval(() => {
    if (popup !== opened) return clearInterval(timer);
    if (!opened.closed) return;
    clearInterval(timer);
    popup = undefined;
    act("choose", { institution: view.institution.id });
  }, 500);
}

function closePopup() {
  popup?.close();
  popup = undefined;
}

// What the institution's page sends when it returned: MoneyKit's package from the application's
// page, or the page at /connect/return.
window.addEventListener("message", ({ source, origin, data }) => {
  if (source === parent && source !== window) return fromOpener(origin, data);
  if (!popup || source !== popup) return;
  if (data?.moneykit && data.type === "link.resume" && origin === opener.origin) {
    act("resume", { redirect: data.eventData.redirectURL });
  } else if (data?.connect === "return" && origin === location.origin) {
    act("resume", { redirect: data.redirect });
  }
});

function fromOpener(origin, data) {
  if (origin !== opener.origin) return;
  if (data?.type === "connect.set_color_scheme") {
    document.documentElement.dataset.scheme = data.data.colorScheme;
  } else if (data?.connect === provider && data.type === "open") {
    run = "";
    act(data.opening.redirect ? "resume" : "open", data.opening);
  } else if (data?.connect === provider && data.type === "leave") {
    act("leave");
  }
}

// The keyboard stays in the page, and Escape leaves it.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && last && mode !== "bank") return act("leave");
  if (event.key !== "Tab" || parent === window) return;
  const fields = [...page.querySelectorAll("a[href], button, input:not(:disabled)")];
  const from = fields.indexOf(document.activeElement);
  if (event.shiftKey ? from <= 0 : from === fields.length - 1) {
    event.preventDefault();
    fields.at(event.shiftKey ? -1 : 0)?.focus();
  }
});

switch (mode) {
  case "start":
  case "relink":
    opener.send("connect.started");
    act("open", { token: query.get("linkSessionToken"), relink: mode === "relink" });
    break;
  case "continue":
    opener.send("connect.started");
    act("resume", { token: query.get("linkSessionToken"), redirect: query.get("redirectURL") });
    break;
  case "frame":
    opener.send("ready");
    break;
  case "hosted":
    act("open", { hosted: location.pathname.split("/").at(-1) });
    break;
  case "bank":
    act("bank");
    break;
  case "return":
    window.opener?.postMessage({ connect: "return", redirect: location.href }, location.origin);
    draw({ view: "closed" });
}
