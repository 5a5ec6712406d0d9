// What the scripts of Dapi and Plaid share: a frame that they open over the application's page.

const host = new URL(document.currentScript.src).origin;

// widget loads the page of a provider into a hidden frame. on has a function for each message of
// the page. The frame is removed at the end, and open loads it again.
function widget(provider, title, { onReady, ...on }) {
  let frame;
  let ready = false;
  let opening; // what to open the page with, once it is ready
  let before; // what had the focus

  const send = (message) => frame?.contentWindow.postMessage({ connect: provider, ...message }, host);
  const load = () => {
    frame = document.createElement("iframe");
    frame.title = title;
    frame.src = host + "/connect/frame?origin=" + encodeURIComponent(location.origin);
    Object.assign(frame.style, {
      position: "fixed", inset: "0", width: "100%", height: "100%", border: "0", zIndex: "999999", display: "none",
    });
    document.body.append(frame);
  };
  const show = () => {
    before = document.activeElement;
    frame.style.display = "block";
    send({ type: "open", opening });
    frame.focus();
  };
  const close = () => {
    frame?.remove();
    frame = opening = undefined;
    ready = false;
    before?.focus();
  };
  window.addEventListener("message", ({ source, origin, data }) => {
    if (source !== frame?.contentWindow || origin !== host || data?.connect !== provider) return;
    if (data.type === "ready") {
      ready = true;
      onReady?.();
      onReady = undefined; // once
      if (opening) show();
      return;
    }
    if (data.type === "success" || data.type === "exit") close();
    on[data.type]?.(data.data);
  });
  load();
  return {
    open(what) {
      if (opening) return; // it is open
      opening = what;
      if (!frame) load();
      else if (ready) show();
    },
    leave: () => send({ type: "leave" }),
    close,
  };
}
