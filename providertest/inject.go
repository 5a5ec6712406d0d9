package providertest

// This file injects faults into requests, and counts requests and responses.

import (
	"net/http"
	"testing/synctest"

	"github.com/bankmux/bankmux/internal/wirefault"
)

// ServeHTTP records the request and injects the current fault.
func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.requests = append(b.requests, arrival{r, b.IsExchange(r), b.isRead(r)})
	var fault wirefault.Fault
	if b.times != 0 && (b.on == nil || b.on(r)) {
		fault = b.fault
		if b.times > 0 {
			b.times--
		}
	}
	crossing := matrixFault{}
	if b.from != nil && b.from(r) {
		b.from = nil
	}
	if b.left != 0 && b.from == nil && b.injected.dial == "" && (b.Words.Open == nil || !b.Words.Open(r)) {
		crossing = b.injected
		b.injectedInto = append(b.injectedInto, r)
		if b.left > 0 {
			b.left--
		}
	}
	added := b.added
	b.mu.Unlock()
	switch {
	case added != "":
		wirefault.ServeWithMember(added, w, r, b.Backend)
	case crossing.name != "":
		crossing.serve(w, r, b.Words, b.Backend)
	case b.Words.Open != nil && b.Words.Open(r):
		fault.Serve(w, r, b.Backend)
	default:
		m := &meter{ResponseWriter: w, response: response{request: r}}
		fault.Serve(m, r, b.Backend)
		b.mu.Lock()
		b.responses = append(b.responses, m.response)
		b.mu.Unlock()
	}
}

// inject makes the next requests that on selects fail; nil selects all. times -1 sets no limit.
func (b *bench) inject(f wirefault.Fault, times int, on func(*http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault, b.times, b.on = f, times, on
}

// injectMatrixFault makes the next requests or connections fail, starting with the first request
// that from selects. Nil selects all. times -1 sets no limit.
func (b *bench) injectMatrixFault(f matrixFault, times int, from func(*http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.injected, b.left, b.injectedInto, b.dialMark, b.from = f, times, nil, len(b.dialled), from
}

func (b *bench) heal() {
	b.inject(wirefault.Fault{}, 0, nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = 0
}

func (b *bench) refuseConnections(refuse bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = refuse
}

// injections returns the number of requests with a fault. If the fault prevents connections, it
// returns the number of attempted connections.
func (b *bench) injections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.injected.dial != "" {
		return len(b.dialled) - b.dialMark
	}
	return len(b.injectedInto)
}

// injectionsOn returns the number of those requests that on selects.
func (b *bench) injectionsOn(on func(*http.Request) bool) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.injected.dial != "" {
		return len(b.dialled) - b.dialMark
	}
	n := 0
	for _, r := range b.injectedInto {
		if on(r) {
			n++
		}
	}
	return n
}

func (b *bench) dialsSinceInjection() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.dialled) - b.dialMark
}

// response is a response of the backend without a fault.
type response struct {
	status  int
	bytes   int
	request *http.Request
}

func (b *bench) responseCount() int {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.responses)
}

// responsesSince returns the responses since the mark to the requests that on selects. Nil selects
// all.
func (b *bench) responsesSince(mark int, on func(*http.Request) bool) []response {
	synctest.Wait() // a client may have its response before the server knows that it is complete
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []response
	for _, a := range b.responses[mark:] {
		if on == nil || on(a.request) {
			all = append(all, a)
		}
	}
	return all
}

// meter records the status and size of a response.
type meter struct {
	http.ResponseWriter
	response
}

func (m *meter) WriteHeader(status int) {
	if m.status == 0 {
		m.status = status
	}
	m.ResponseWriter.WriteHeader(status)
}

func (m *meter) Write(p []byte) (int, error) {
	if m.status == 0 {
		m.status = http.StatusOK
	}
	n, err := m.ResponseWriter.Write(p)
	m.bytes += n
	return n, err
}

// Unwrap lets faults flush and backends hijack.
func (m *meter) Unwrap() http.ResponseWriter { return m.ResponseWriter }
