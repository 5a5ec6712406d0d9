package main

// This file has the server, which is a process of its own. It does as little as it can.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bankmux/bankmux/bench/fixture"
	"github.com/bankmux/bankmux/virtualbank"
)

// server sends canned bytes, or passes requests to a virtual bank. It can hold requests.
type server struct {
	bank http.Handler // nil for canned bytes

	mu     sync.Mutex
	bodies map[string][]byte
	gate   chan struct{} // requests are held until it is closed; nil lets them pass
	held   int
}

// set makes the responses for a session with a tag.
func (s *server) set(tag string) {
	bodies := map[string][]byte{}
	for path, body := range fixture.Responses {
		bodies[path] = []byte(strings.ReplaceAll(body, "%s", tag))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = bodies
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	body, gate := s.bodies[r.URL.Path], s.gate
	if gate != nil {
		s.held++
	}
	s.mu.Unlock()
	if gate != nil {
		<-gate
		s.mu.Lock()
		s.held--
		s.mu.Unlock()
	}
	if s.bank != nil {
		s.bank.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case body == nil:
		w.WriteHeader(http.StatusNotFound)
	case fixture.Created(r.URL.Path):
		w.WriteHeader(http.StatusCreated)
	}
	_, _ = w.Write(body)
}

// control handles what the measuring process asks for: /set, /hold, /held and /release.
func (s *server) control(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/control/set" {
		s.set(r.FormValue("tag"))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/control/hold":
		s.gate, s.held = make(chan struct{}), 0
	case "/control/held":
		_, _ = fmt.Fprint(w, s.held)
	case "/control/release":
		close(s.gate)
		s.gate = nil
	}
}

// serve prints the address and serves until the standard input is closed.
func serve(ctx context.Context, kind string) error {
	s := &server{}
	s.set("")
	mux := http.NewServeMux()
	mux.HandleFunc("/control/", s.control)
	if kind == "bank" {
		s.bank = virtualbank.New(virtualbank.Options{}).MoneyKit()
	}
	mux.Handle("/", s)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	web := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = web.Shutdown(ctx)
	}()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
