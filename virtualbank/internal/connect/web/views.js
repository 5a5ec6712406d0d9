// The views of the page. Each takes what the bank sent and a function that sends the next step, and
// returns the elements to show.

const names = { moneykit: "MoneyKit", dapi: "Dapi", plaid: "Plaid" };
const { provider, mode } = document.documentElement.dataset;

// h makes an element. Properties that start with "on" are listeners, and those with "-" are
// attributes.
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child || child === 0));
  return element;
}

const tints = ["#1d4ed8", "#0f766e", "#9333ea", "#b45309", "#be123c", "#15803d", "#334155"];

// mark is the picture of an institution: its first letter.
function mark(institution) {
  const element = h("span", { className: "mark", "aria-hidden": "true" }, institution.name[0]);
  const sum = [...institution.name].reduce((all, letter) => all + letter.charCodeAt(0), 0);
  element.style.setProperty("--tint", tints[sum % tints.length]);
  return element;
}

const heading = (text) => h("h1", { id: "title", tabIndex: -1 }, text);
const note = (view) => view.note && h("p", { id: "note", className: "note", role: "alert" }, view.note);
const button = (text, onclick) => h("button", { type: "button", onclick }, text);
const main = (text, onclick) => h("button", { type: "button", className: "main", onclick }, text);
const submit = (text) => h("button", { className: "main" }, text);
const actions = (...list) => h("div", { className: "actions" }, list);
const form = (onsubmit, ...children) => h("form", {
  noValidate: true,
  onsubmit(event) {
    event.preventDefault();
    onsubmit(new FormData(event.target));
  },
}, ...children);

function at(view) {
  const { institution } = view;
  return h("p", { className: "at" }, mark(institution),
    h("span", null, h("strong", null, institution.name), h("br"), h("span", { className: "soft" }, institution.domain)));
}

// header names the provider, and that it is not the real one.
export function header(view, act) {
  const close = mode === "bank" || view.view === "closed" || view.view === "done";
  return h("header", null,
    view.can_go_back && h("button", {
      type: "button", "aria-label": "Choose another bank", onclick: () => act("back"),
    }, "←"),
    h("strong", null, mode === "bank" ? view.institution?.name ?? "Bank" : names[provider]),
    h("span", { className: "badge" }, "test bank"),
    !close && h("button", { type: "button", "aria-label": "Leave", onclick: () => act("leave") }, "✕"));
}

export const views = {
  choose(view, act) {
    const list = h("ul", { id: "banks" });
    const count = h("p", { className: "soft", role: "status" });
    const show = (text) => {
      const wanted = text.trim().toLowerCase();
      const found = (view.institutions ?? []).filter(({ name, domain }) => (name + domain).toLowerCase().includes(wanted));
      list.replaceChildren(...found.map((institution) => h("li", null, h("button", {
        type: "button", onclick: () => act("choose", { institution: institution.id }),
      }, mark(institution), h("span", null, institution.name,
        h("small", null, institution.domain + " · " + institution.country))))));
      if (wanted) count.textContent = found.length + (found.length === 1 ? " bank" : " banks");
      else count.textContent = found.length ? "" : "The test bank has no bank in this country.";
    };
    show("");
    return [
      heading("Choose your bank"), note(view),
      view.app && h("p", { className: "soft" }, view.app + " wants to connect to your bank."),
      view.linked && h("p", null, "Connected: " + view.linked.join(", ")),
      h("label", { for: "search" }, "Search"),
      h("input", {
        id: "search", type: "search", autocomplete: "off", spellcheck: false,
        oninput: (event) => show(event.target.value),
      }),
      count, list,
    ];
  },

  login(view, act) {
    return [
      heading(view.renewal ? "Log in again" : "Log in"), at(view), note(view),
      form((data) => act("login", Object.fromEntries(data)), ...loginFields(view), actions(submit("Continue"))),
      testLogin(view),
    ];
  },

  code(view, act) {
    return [
      heading("Enter the code"), at(view), note(view),
      form((data) => act("code", { code: data.get("code") }),
        h("label", { for: "code" }, "Code from your bank"),
        h("input", {
          id: "code", name: "code", type: "text", inputMode: "numeric", autocomplete: "one-time-code",
          ...describedBy(view),
        }),
        actions(submit("Continue"))),
      h("p", { className: "hint" }, "The code of this test bank: " + view.hint),
    ];
  },

  oauth(view, act, pages) {
    const { name } = view.institution;
    return [
      heading("Continue at " + name), at(view), note(view),
      h("p", null, "You log in on the page of " + name + " and come back afterwards."),
      actions(
        main("Open " + name, () => pages.popup(view)),
        view.page && h("a", { className: "button", href: view.page, target: "_top" }, "Continue in this window")),
    ];
  },

  waiting(view, act, pages) {
    const { name } = view.institution;
    return [
      heading("Log in at " + name), at(view),
      h("p", { role: "status" }, "Waiting for the page of " + name + "."),
      actions(button("Open it again", () => pages.popup(view)), button("Cancel", () => pages.cancel(view))),
    ];
  },

  consent(view, act) {
    const { offer } = view;
    const one = offer.select === "one";
    const accounts = offer.accounts.map(({ name, mask, shared }) => h("label", { className: "account" },
      offer.select !== "none" && h("input", {
        type: one ? "radio" : "checkbox", name: "account", value: name, checked: !one && (shared || !view.renewal),
        disabled: offer.select === "more" && shared, ...describedBy(view),
      }), name, mask && h("small", null, "•••• " + mask)));
    return [
      heading("Share your data"), at(view), note(view),
      h("p", null, (view.app || "The application") + " will read:"),
      h("ul", { className: "plain" }, offer.products.map((name) => h("li", null, name))),
      form((data) => act("consent", { accounts: data.getAll("account") }),
        h("fieldset", null, h("legend", null, "Accounts"), accounts),
        actions(submit("Allow"), button("Do not allow", () => act("leave")))),
    ];
  },

  more(view, act) {
    return [
      heading("Connected"), h("p", null, "Connected: " + view.linked.join(", ")),
      actions(main("Finish", () => act("finish")), button("Connect another bank", () => act("back"))),
    ];
  },

  failed(view, act) {
    return [
      heading("That did not work"), note(view),
      actions(main("Leave", () => act("leave")),
        view.can_go_back && button("Choose another bank", () => act("back"))),
    ];
  },

  // The institution's own page.
  bank(view, act) {
    return [
      heading("Give access"), at(view), note(view),
      h("p", null, (view.app || "An application") + " asks for access to your accounts."),
      form((data) => act("approve", Object.fromEntries(data)), ...loginFields(view),
        actions(submit("Log in and allow"), button("Refuse", () => act("deny")))),
      testLogin(view),
    ];
  },

  done: () => [heading("Connected"), h("p", { role: "status" }, "You can go back to the application.")],
  closed: () => [heading("You can close this window"), h("p", { role: "status" }, "Go back to the application.")],
};

const describedBy = (view) => view.note ? { "aria-describedby": "note", "aria-invalid": "true" } : {};

const loginFields = (view) => [
  h("label", { for: "username" }, "User name"),
  h("input", {
    id: "username", name: "username", type: "text", value: view.username ?? "", autocomplete: "username",
    autocapitalize: "none", spellcheck: false, ...describedBy(view),
  }),
  h("label", { for: "password" }, "Password"),
  h("input", {
    id: "password", name: "password", type: "password", autocomplete: "current-password", ...describedBy(view),
  }),
];

const testLogin = (view) => h("p", { className: "hint" }, "The login of this test bank: " + view.hint);
