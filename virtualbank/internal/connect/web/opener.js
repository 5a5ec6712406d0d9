// What the scripts of Dapi and Plaid share: a frame that they open over the application's page.

const host = new URL(document.currentScript.src).origin;

// openFrame loads the page into a hidden frame. on has a function for each message of the page.
function openFrame(provider, title, on) {
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.src = host + "/connect/frame?origin=" + encodeURIComponent(location.origin);
  Object.assign(frame.style, {
    position: "fixed", inset: "0", width: "100%", height: "100%", border: "0", zIndex: "999999", display: "none",
  });
  let before; // what had the focus
  const listen = ({ source, origin, data }) => {
    if (source === frame.contentWindow && origin === host && data?.connect === provider) on[data.type]?.(data.data);
  };
  window.addEventListener("message", listen);
  document.body.append(frame);
  const send = (message) => frame.contentWindow?.postMessage({ connect: provider, ...message }, host);
  return {
    send,
    open(opening) {
      before = document.activeElement;
      frame.style.display = "block";
      send({ type: "open", opening });
      frame.focus();
    },
    hide() {
      frame.style.display = "none";
      before?.focus();
    },
    remove() {
      window.removeEventListener("message", listen);
      frame.remove();
    },
  };
}
