package rest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// Do returns a response with an error status without an error, and follows no redirect. The adapter
// checks the status.
func ExampleClient_Do() {
	server := httptest.NewServer(http.RedirectHandler("https://other.example/", http.StatusTemporaryRedirect))
	defer server.Close()
	client := rest.New(rest.Config{BaseURL: server.URL})
	res, err := client.Do(
		context.Background(),
		rest.Request{Method: http.MethodPost, Path: "/payments", JSON: map[string]int{"amount": 1}},
	)
	fmt.Println(res, err)

	server.Close()
	_, err = client.Do(
		context.Background(),
		rest.Request{Method: http.MethodPost, Path: "/payments", JSON: map[string]int{"amount": 1}},
	)
	fmt.Println(bankmux.KindOf(err))
	// Output:
	// rest.Response(307) <nil>
	// provider_unavailable
}

// Sign gets the bytes that are sent, for each attempt.
func ExampleConfig_sign() {
	key := bankmux.NewSecret("a key of the application")
	mac := func(method, path string, body []byte) string {
		h := hmac.New(sha256.New, []byte(key.Reveal()))
		fmt.Fprintf(h, "%s\n%s\n%s", method, path, body)
		return hex.EncodeToString(h.Sum(nil))
	}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Header.Get("Signature") == mac(r.Method, r.URL.RequestURI(), body))
	}))
	defer server.Close()
	client := rest.New(rest.Config{BaseURL: server.URL, Sign: func(r *http.Request, body []byte) error {
		r.Header.Set("Signature", mac(r.Method, r.URL.RequestURI(), body))
		return nil
	}})
	_, err := client.Do(
		context.Background(),
		rest.Request{
			Method:     http.MethodPut,
			Path:       "/consents/{id}",
			PathParams: map[string]string{"id": "7/b"},
			JSON:       "x",
		},
	)
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// CheckURL returns the end of a sentence about the URL, for the error of an adapter's New.
func ExampleCheckURL() {
	for _, base := range []string{"https://api.example.com", "http://localhost:8080", "http://api.example.com"} {
		if fault := rest.CheckURL(base); fault != "" {
			fmt.Println("Config.BaseURL " + fault)
			continue
		}
		fmt.Println(base)
	}
	// Output:
	// https://api.example.com
	// http://localhost:8080
	// Config.BaseURL is not https (http is allowed on loopback only)
}
