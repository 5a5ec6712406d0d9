// The module that stands for MoneyKit's npm package @moneykit/connect. It has the same default
// export, and it treats the application as the package does, also where that is surprising:
//
//   - a link that ends without a token calls nothing back
//   - a relink passes the institution first, also after continue
//   - the token of the session stays in local storage after a success
//
// The third argument of a success, the id of the link, is empty. MoneyKit's documentation says that
// the id must stay in the back end.

const host = new URL(import.meta.url).origin;
const stored = "moneykit.linkSessionToken";
const closingTime = 300; // milliseconds that the frame stays after the end

export default class MoneyKit {
  constructor(options = {}) {
    this.options = { ...options };
  }

  link(token, onSuccess, onExit, onEvent) {
    localStorage.setItem(stored, token);
    this.#open("start", { linkSessionToken: token }, onSuccess, onExit, onEvent);
  }

  relink(token, onSuccess, onExit, onEvent) {
    localStorage.setItem(stored, token);
    this.#open("relink", { linkSessionToken: token }, onSuccess, onExit, onEvent);
  }

  // continue takes the address to which an institution returned. In a window that Connect opened it
  // wakes the page there. Otherwise it goes on in this window.
  continue(redirectURL, onSuccess, onExit, onEvent) {
    if (window.opener) {
      window.opener.postMessage({ moneykit: true, type: "link.resume", eventData: { redirectURL } }, host);
      return;
    }
    const linkSessionToken = localStorage.getItem(stored) ?? "";
    this.#open("continue", { linkSessionToken, redirectURL }, onSuccess, onExit, onEvent);
  }

  #open(path, more, onSuccess, onExit, onEvent) {
    const { containerID, colorScheme } = this.options;
    const container = containerID ? document.getElementById(containerID) : document.body;
    if (!container) throw new Error("MoneyKit: there is no container with this id");
    const frame = document.createElement("iframe");
    frame.id = "moneykit-connect-frame";
    frame.title = "Connect a bank with MoneyKit";
    frame.src = host + "/" + path + "?" + new URLSearchParams({ ...more, origin: location.origin });
    Object.assign(frame.style, {
      position: containerID ? "absolute" : "fixed", inset: "0", width: "100%", height: "100%", border: "0",
      zIndex: "999999",
    });
    const before = document.activeElement;
    const listening = new AbortController();
    const close = (then) => setTimeout(() => {
      frame.remove();
      listening.abort();
      before?.focus();
      then?.();
    }, closingTime);
    const on = {
      "connect.started": () => colorScheme && frame.contentWindow.postMessage(
        { moneykit: true, type: "connect.set_color_scheme", data: { colorScheme } }, host),
      "link.complete"({ exchangeableToken, institution }) {
        if (exchangeableToken) onSuccess?.(exchangeableToken, institution, "");
        close();
      },
      "relink.complete"({ institution }) {
        onSuccess?.(institution, "");
        close();
      },
      "link.exit"({ error }) {
        localStorage.removeItem(stored);
        close(() => onExit?.(error));
      },
      "link.event": (event) => onEvent?.(event),
    };
    window.addEventListener("message", ({ source, origin, data }) => {
      if (source === frame.contentWindow && origin === host && data?.moneykit) on[data.type]?.(data.data);
    }, { signal: listening.signal });
    frame.addEventListener("load", () => frame.focus());
    container.append(frame);
  }
}
