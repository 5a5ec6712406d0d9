// The script of Dapi's Connect. An application loads it and calls Dapi.create and open, as the
// documentation of Dapi's connector shows.

window.Dapi = {
  environments: { sandbox: "sandbox", production: "production" },

  // create loads the page and then calls onReady. That a missing appKey throws is the bank's own
  // choice. Members that the documentation of version 3 does not list have no effect.
  create({ appKey, environment, countries, onReady, onSuccess, onFailure } = {}) {
    if (!appKey) throw new Error("Dapi.create: appKey is missing");
    let ready = false;
    let wanted = false;
    const opening = { appKey, environment: environment ?? "", countries: countries ?? [] };
    const frame = openFrame("dapi", "Connect a bank with Dapi", {
      ready() {
        ready = true;
        onReady?.();
        if (wanted) frame.open(opening);
      },
      success(payload) {
        frame.hide();
        onSuccess?.(payload);
      },
      // The argument is null if the user only left.
      exit(error) {
        frame.hide();
        onFailure?.(error);
      },
    });
    return {
      open() {
        if (ready) frame.open(opening);
        else wanted = true;
      },
    };
  },
};
