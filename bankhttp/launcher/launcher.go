// Package launcher serves the launcher, an ES module for the browser. It opens the page of the
// provider that a Launch of package bankmux is for, and resolves with what to post to the back end:
//
//	import { connect } from "/bank/launcher.js";
//
//	const payload = await connect(launch, {
//		loaders: { moneykit: () => import("@moneykit/connect") },
//	});
//
// launcher.d.ts says what the module promises, and has its types. The folder is also an npm package
// without dependencies, for applications that bundle their front end.
package launcher

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/bankmux/bankmux/internal/httpbody"
)

//go:embed launcher.js
var module []byte

// Module returns the source of the module. The caller may change the slice.
func Module() []byte { return bytes.Clone(module) }

// Handler serves the module at any path, for GET and HEAD. Browsers keep it and ask whether it
// changed, so a new version of the application reaches them at once. The handler is safe for
// concurrent use.
func Handler() http.Handler {
	sum := sha256.Sum256(module)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpbody.CloseUnread(w, r)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(module))
	})
}
