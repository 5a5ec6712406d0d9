package main

// This file serves the application's page, with a Content-Security-Policy as strict as a careful
// application has.

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"time"
)

//go:embed page
var pages embed.FS

var index = template.Must(template.ParseFS(pages, "page/index.html"))

// page writes the page. The query "policy=none" lets no provider's script or frame in.
func (a *app) page(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	scripts := a.addr.MoneyKit + " " + a.addr.Dapi + " " + a.addr.Plaid
	frames := scripts
	if r.FormValue("policy") == "none" {
		scripts, frames = "", "'none'"
	}
	w.Header().Set("Content-Security-Policy", fmt.Sprintf(
		"default-src 'none'; script-src 'self' 'nonce-%s' %s; style-src 'self'; img-src 'self' data:; "+
			"connect-src 'self'; frame-src %s; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		nonce, scripts, frames))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if err := index.Execute(w, map[string]any{"Nonce": nonce, "Addr": a.addr}); err != nil {
		panic(http.ErrAbortHandler) // the browser went away
	}
}

// file serves an embedded file of the page.
func file(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		content, err := pages.ReadFile("page/" + name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	}
}
