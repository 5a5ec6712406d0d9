package bankhttp_test

// This file has the examples of the package.

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// acme is a provider for the examples. Its users link without doing anything.
type acme struct{}

func (acme) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	s.Launch.Provider = "acme"
	return s, nil
}

func (acme) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	conn := bankmux.NewConnection(req.Session, "login-1", bankmux.NewSecret("token"))
	conn.Status.State = bankmux.StateActive
	return bankmux.ExchangeResult{Connection: conn}, nil
}

func acmeRegistry() *bankmux.Registry {
	clients := []*bankmux.Client{bankmux.NewClient("acme", acme{})}
	registry, err := bankmux.NewRegistry(clients, []bankmux.Route{{Client: "acme"}})
	if err != nil {
		panic(err)
	}
	return registry
}

// Handler has all handlers. A request without a user gets a problem document.
func ExampleService_Handler() {
	service, err := bankhttp.New(bankhttp.Config{
		Registry: acmeRegistry(),
		Store:    bankhttp.NewMemory(), // for trials: package store has one that lasts
		User:     func(r *http.Request) (string, error) { return r.Header.Get("User"), nil },
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/bank/", service.Handler())

	for _, user := range []string{"rosa", ""} {
		r := httptest.NewRequest(http.MethodGet, "/bank/connections", nil)
		r.Header.Set("User", user)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// 200 application/json
	// 401 application/problem+json
}

// Each handler can be mounted alone, on a path of the application's own.
func ExampleService_Link() {
	service, err := bankhttp.New(bankhttp.Config{
		Registry: acmeRegistry(), Store: bankhttp.NewMemory(),
		User: func(*http.Request) (string, error) { return "rosa", nil },
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /banks/new", service.Link())
	mux.Handle("POST /banks/new/{session}", service.Finish()) // Finish reads {session}

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/banks/new", nil))
	fmt.Println(w.Code)
	// Output: 200
}

// A handler of the application's own responds to an error in the same way. The text of the error
// stays at the back end.
func ExampleProblemOf() {
	err := &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 20 * time.Second, Detail: "quota of app 4711"}
	w := httptest.NewRecorder()
	bankhttp.ProblemOf(err).ServeHTTP(w, nil)
	fmt.Println(w.Code, w.Header().Get("Retry-After"))
	p := bankhttp.ProblemOf(err)
	fmt.Println(p.Kind, "-", p.Detail)
	// Output:
	// 503 20
	// rate_limited - This does not work at the moment. Please try again later.
}
