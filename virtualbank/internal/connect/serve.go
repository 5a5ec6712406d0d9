package connect

// This file serves the scripts, the pages and their steps.

import (
	"embed"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"path"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
	"github.com/bankmux/bankmux/virtualbank/internal/plaid"
)

// The addresses of the scripts that an application loads. MoneyKit's is an ES module in place of
// its npm package. Those of Dapi and Plaid have the paths of the real ones.
const (
	MoneyKitScript = "/connect/moneykit.js"
	DapiScript     = "/connect/v3/connector.js"
	PlaidScript    = "/link/v2/stable/link-initialize.js"
)

// The addresses of what the pages share.
const (
	framePath  = "/connect/frame"  // the page in the frame of an application, of Dapi and Plaid
	bankPath   = "/connect/bank"   // an institution's own page
	returnPath = "/connect/return" // where that page returns to, if not to the application
	stepPath   = "/connect/step"
)

//go:embed web
var web embed.FS

var page = template.Must(template.ParseFS(web, "web/page.html"))

// Handler serves the pages. Requests for other paths get to next.
func (s *Server) Handler(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, name := range []string{"page.js", "views.js", "page.css"} {
		mux.HandleFunc("GET /connect/"+name, file(name, read(name)))
	}
	mux.HandleFunc("GET "+bankPath, s.page("bank"))
	mux.HandleFunc("GET "+returnPath, s.page("return"))
	mux.HandleFunc("POST "+stepPath, s.step)
	switch s.provider {
	case moneykit.Name:
		mux.HandleFunc("GET "+MoneyKitScript, file(MoneyKitScript, read("moneykit.js")))
		for _, name := range []string{"start", "relink", "continue"} {
			mux.HandleFunc("GET /"+name, s.page(name))
		}
	case dapi.Name:
		mux.HandleFunc("GET "+DapiScript, file(DapiScript, closure("opener.js", "dapi.js")))
		mux.HandleFunc("GET "+framePath, s.page("frame"))
	case plaid.Name:
		mux.HandleFunc("GET "+PlaidScript, file(PlaidScript, closure("opener.js", "plaid.js")))
		mux.HandleFunc("GET "+framePath, s.page("frame"))
		mux.HandleFunc("GET "+plaid.HostedPath+"{hosted}", s.page("hosted"))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			next.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// policy lets a page load its own files and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'"

// page serves a page. Those in the frame of an application may be framed by any.
func (s *Server) page(mode string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		if mode == "bank" || mode == "return" || mode == "hosted" {
			h.Set("Content-Security-Policy", policy+"; frame-ancestors 'none'")
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer") // the address may have a token
		h.Set("X-Content-Type-Options", "nosniff")
		_ = page.Execute(w, map[string]string{"Mode": mode, "Provider": s.provider}) // the browser went away
	}
}

// read returns an embedded file.
func read(name string) []byte {
	content, err := web.ReadFile("web/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return content
}

// closure returns files as one script whose names stay its own.
func closure(names ...string) []byte {
	script := []byte("(() => {\n")
	for _, name := range names {
		script = append(script, read(name)...)
	}
	return append(script, "})();\n"...)
}

// file serves a script or a style sheet. A module of another origin needs the header that allows
// it.
func file(name string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(content)
	}
}

// step serves a step of a page. Another site cannot send it, because its type needs the permission
// of this one.
func (s *Server) step(w http.ResponseWriter, r *http.Request) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != bank.JSONType {
		http.Error(w, "Content-Type is not application/json", http.StatusUnsupportedMediaType)
		return
	}
	var in request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, bank.MaxBody)).Decode(&in); err != nil {
		http.Error(w, "the body is not a step", http.StatusBadRequest)
		return
	}
	bank.Reply{Status: http.StatusOK, Body: s.do(in)}.With("Cache-Control", "no-store").Write(w)
}
