package main

// This file measures the memory of calls in flight, in a process of its own for each way.

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// held makes n calls that the server holds, and returns the memory per call in KiB. Measures with
// "gc" are taken after a collection of garbage, which also shrinks stacks.
func held(ctx context.Context, base string, n int, run func(context.Context, int) error) (map[string]float64, error) {
	if _, err := control(ctx, base, "hold", nil); err != nil {
		return nil, err
	}
	runtime.GC()
	var idle, running, collected runtime.MemStats
	runtime.ReadMemStats(&idle)
	resident, err := residentBytes()
	if err != nil {
		return nil, err
	}
	errs := make(chan error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			if err := run(ctx, i); err != nil {
				errs <- err
			}
		})
	}
	for arrived := ""; arrived != strconv.Itoa(n); time.Sleep(10 * time.Millisecond) {
		if len(errs) > 0 {
			return nil, <-errs
		}
		if arrived, err = control(ctx, base, "held", nil); err != nil {
			return nil, err
		}
	}
	runtime.ReadMemStats(&running)
	peak, err := residentBytes()
	if err != nil {
		return nil, err
	}
	runtime.GC()
	runtime.ReadMemStats(&collected)
	if _, err := control(ctx, base, "release", nil); err != nil {
		return nil, err
	}
	group.Wait()
	if len(errs) > 0 {
		return nil, fmt.Errorf("%d of %d calls failed: %w", len(errs), n, <-errs)
	}
	per := func(after, before uint64) float64 { return (float64(after) - float64(before)) / 1024 / float64(n) }
	return map[string]float64{
		"stack_kib":     per(running.StackInuse, idle.StackInuse),
		"stack_gc_kib":  per(collected.StackInuse, idle.StackInuse),
		"memory_gc_kib": per(collected.StackInuse+collected.HeapInuse, idle.StackInuse+idle.HeapInuse),
		"resident_kib":  float64(peak-resident) / 1024 / float64(n),
	}, nil
}

// residentBytes is the physical memory of this process.
func residentBytes() (int, error) {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.Atoi(strings.Fields(string(raw))[1])
	return pages * os.Getpagesize(), err
}

// holdOnce is the work of a process: it measures one way once, and prints the measures.
func holdOnce(ctx context.Context, base string, only one, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var all []way
	var err error
	if only.adapter == virtual {
		all, err = atTheBank(ctx, base, n)
	} else {
		all, err = ways(ctx, base, only.adapter, only.op, n)
	}
	if err != nil {
		return err
	}
	for _, w := range all {
		if w.name == only.way {
			found, err := held(ctx, base, n, w.run)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(found)
		}
	}
	return fmt.Errorf("no way %q", only.way)
}

// virtual is the name of the virtual bank among the adapters.
const virtual = "virtual bank"

// atTheBank returns the ways to read the accounts of one MoneyKit link of the virtual bank.
func atTheBank(ctx context.Context, base string, n int) ([]way, error) {
	creds := virtualbank.New(virtualbank.Options{}).Credentials().MoneyKit
	transport := newTransport(n)
	client, err := moneykit.New(moneykit.Config{
		ClientID: creds.ClientID, ClientSecret: bankmux.NewSecret(creds.ClientSecret), Environment: bankmux.Sandbox,
		BaseURL: base, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		return nil, err
	}
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-1", RedirectURI: "https://app.example.com/oauth",
	})
	if err != nil {
		return nil, err
	}
	send := byHand(base, &http.Client{Transport: transport})
	var payload json.RawMessage
	login := map[string]string{"link_session_token": session.Launch.Token.Reveal()}
	if err := send(ctx, call{http.MethodPost, "/virtualbank/link", "", nil, login, &payload}); err != nil {
		return nil, err
	}
	conn, err := single.Connection(client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(string(payload)),
	}))
	if err != nil {
		return nil, err
	}
	return []way{{library, func(ctx context.Context, _ int) error {
		_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		return err
	}}}, nil
}

// holding measures calls in flight by way, in turn.
func holding(ctx context.Context, base string, calls one, names ...string) ([]Result, error) {
	n := calls.callers
	of := Result{Adapter: calls.adapter, Op: calls.op + inFlight, Callers: n, Rounds: 3, Calls: n}
	return inRounds(of, names, func(w int) (found map[string]float64, err error) {
		cmd := again(ctx, "held", "-base", base, "-adapter", calls.adapter, "-op", calls.op, "-way", names[w],
			"-held", strconv.Itoa(n))
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s, %s, %s in flight: %w", calls.adapter, names[w], calls.op, err)
		}
		return found, json.Unmarshal(out, &found)
	})
}

// again returns a process of this program in another role.
func again(ctx context.Context, role string, args ...string) *exec.Cmd {
	//nolint:gosec // the program is this one
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"-role", role}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// start runs a server as a process of its own. It returns its address, and a function that ends it.
func start(ctx context.Context, kind string) (base string, stop func(), err error) {
	cmd := again(ctx, "server", "-serve", kind)
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, err
	}
	return strings.TrimSpace(line), stop, nil
}
