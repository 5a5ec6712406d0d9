package launcher_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/bankmux/bankmux/bankhttp/launcher"
)

// The module is served beside the handlers of an application. A page imports it from there.
func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("GET /bank/launcher.js", launcher.Handler())

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/bank/launcher.js", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))

	// The browser asks later whether it has changed.
	r := httptest.NewRequest(http.MethodGet, "/bank/launcher.js", nil)
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	w = httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// 200 text/javascript; charset=utf-8
	// 304
}
