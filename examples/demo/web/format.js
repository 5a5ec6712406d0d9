// Writes amounts and days for people. Amounts stay text: a number would round them.

export function money({ amount, currency }) {
  const negative = amount.startsWith("-");
  const [whole, fraction = ""] = amount.replace("-", "").split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const digits = fraction.padEnd(minor(currency), "0");
  return `${negative ? "−" : ""}${grouped}${digits && "." + digits} ${currency}`;
}

// minor returns how many digits a currency has behind the point.
function minor(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().minimumFractionDigits;
  } catch {
    return 0; // not a code of ISO 4217
  }
}

// round writes a number of a chart, where rounding is allowed.
export function round(value) {
  const text = new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format(Math.abs(value));
  return (value < 0 ? "−" : "") + text;
}

const names = new Intl.DisplayNames("en", { type: "region" });
export const country = (code) => names.of(code);

export const words = (text) => {
  const plain = text.replaceAll(/[_.]+/g, " ").toLowerCase();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
};

// element makes an element. Texts are never read as HTML.
export function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
