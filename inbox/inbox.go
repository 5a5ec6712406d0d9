// Package inbox takes webhooks over HTTP: bounded, verified by the adapter they claim to be of,
// each handled once, as the same events for every provider.
//
//	http.Handle("/hooks/", inbox.New(registry, func(ctx context.Context, event bankmux.Event) error {
//		return queue.Put(ctx, event)
//	}))
//
// The last segment of the path is the name of a client: /hooks/moneykit, /hooks/dapi. See
// [bankmux.SessionRequest.WebhookURL].
//
// # What is promised
//
// A delivery is answered with 200 only after the handler returned nil for all its events, and
// marked as seen only then. So if the process dies in between, the provider sends it again, and the
// handler may see an event a second time: an event is handled at least once for each delivery that
// was accepted, and more than once only after a failure, a crash, or at two processes at the same
// moment. Make the handler quick, say by putting the event into a durable queue, and harmless to
// repeat.
//
// An event is a hint. What it says may be old or out of order; ask the provider, as
// [bankmux.EventKind] says, and ask once in a while without one, for webhooks get lost.
//
// # Answers
//
//	200  handled, or handled before; also of an unknown kind, if the handler took it
//	401  nothing proves that the provider sent it; why is in the log only
//	404  no such client, or one that takes no webhooks
//	405, 408, 413, 415  not a POST, too slow, too large, not plain JSON
//	500  the handler failed; 503 too much is waiting, no time was left, or the keys or the memory of what was seen cannot be read
package inbox

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
)

// Handler is the application's part: it returns nil once the event cannot be lost any more. Its
// context ends after [Limits.HandleFor], not when the provider hangs up. It is called by several
// goroutines at once. A panic or [runtime.Goexit] in it counts as a failure.
type Handler func(ctx context.Context, event bankmux.Event) error

// Limits bound what senders can make the inbox hold. Zero means the default.
type Limits struct {
	Body     int // most bytes of a body; default 1 MiB
	Memory   int // most bytes of all bodies at once; default 64 MiB
	Handlers int // most handlers at work at once; default 16
	// most deliveries that wait for one; default 1024. They are not acknowledged, and lose nothing if the process dies
	Waiting int

	ReadFor   time.Duration // a body must have come by then, else the response is 408; default 5 s
	HandleFor time.Duration // it must be verified and handled by then; default 10 s. Providers give up after about 15 s
}

func (l Limits) withDefaults() Limits {
	for n, fallback := range map[*int]int{&l.Body: 1 << 20, &l.Memory: 64 << 20, &l.Handlers: 16, &l.Waiting: 1024} {
		if *n <= 0 {
			*n = fallback
		}
	}
	for d, fallback := range map[*time.Duration]time.Duration{&l.ReadFor: 5 * time.Second, &l.HandleFor: 10 * time.Second} {
		if *d <= 0 {
			*d = fallback
		}
	}
	return l
}

// Option changes what [New] makes.
type Option func(*inbox)

// WithSeen remembers deliveries in s, which processes may share, in place of a [Memory] of 100,000
// of the last day.
func WithSeen(s Seen) Option { return func(in *inbox) { in.seen = s } }

// WithLimits sets limits.
func WithLimits(l Limits) Option { return func(in *inbox) { in.limits = l.withDefaults() } }

// WithLogger logs why deliveries were refused, a few per second, and what the handler failed with;
// without it nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(in *inbox) { in.log.Logger = l } }

// WithURL says at which address the providers find the inbox, for those that sign the URL. Give it
// the text of [bankmux.SessionRequest.WebhookURL], such as "https://app.example.com/hooks/{client}":
// "{client}" becomes the name of the client. The query is always that of the delivery.
//
// The address is never taken from a request: a proxy changes scheme, host and path, and a sender
// chooses the Host field. A delivery that was signed for another host could then be replayed here.
// Without WithURL, a delivery whose URL is signed is refused with 404. WithURL panics where the
// text is not an absolute URL.
func WithURL(template string) Option {
	template, _, _ = strings.Cut(template, "?")
	u, err := url.Parse(strings.ReplaceAll(template, "{client}", "client"))
	if err != nil || !u.IsAbs() || u.Host == "" {
		panic("inbox: WithURL: is not an absolute URL")
	}
	return func(in *inbox) { in.url = template }
}

type inbox struct {
	url        string // with {client}, without query; empty where not configured
	registry   *bankmux.Registry
	handle     Handler
	seen       Seen
	limits     Limits
	log        logger
	memory     budget
	dispatcher dispatcher
}

// New returns the handler for the webhooks of all clients in the registry, also of those that
// [bankmux.Registry.Swap] adds. It starts nothing. It panics if registry or handler is nil.
func New(registry *bankmux.Registry, handler Handler, options ...Option) http.Handler {
	if registry == nil || handler == nil {
		panic("inbox: New: registry and handler are required")
	}
	in := &inbox{registry: registry, handle: handler, limits: Limits{}.withDefaults()}
	for _, o := range options {
		o(in)
	}
	if in.seen == nil {
		in.seen = NewMemory(0, 0)
	}
	if in.log.Logger == nil {
		in.log.Logger = slog.New(slog.DiscardHandler)
	}
	in.memory.left.Store(int64(in.limits.Memory))
	in.dispatcher = newDispatcher(in.limits)
	return in
}

// ServeHTTP answers one delivery.
func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Best effort: behind some middleware it cannot be set, or has no effect.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(in.limits.ReadFor))
	status, whole := in.serve(w, r, clientOf(r))
	if !whole && r.ContentLength != 0 && r.ProtoMajor < 2 {
		// Otherwise net/http reads the rest of the body before it sends the response, however
		// slowly the body comes.
		w.Header().Set("Connection", "close")
	}
	switch status {
	case http.StatusOK:
		w.WriteHeader(status)
		return
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "10")
	}
	http.Error(w, http.StatusText(status), status)
}

// serve returns the status of the response, and whether the whole body was read.
func (in *inbox) serve(w http.ResponseWriter, r *http.Request, name string) (status int, whole bool) {
	client, err := in.registry.Client(name)
	switch {
	case err != nil:
		return in.log.refuse(r.Context(), "", http.StatusNotFound, errors.New("no client of this name")), false
	case r.Method != http.MethodPost:
		return in.log.refuse(r.Context(), name, http.StatusMethodNotAllowed, errors.New("is not a POST")), false
	case !plainJSON(r.Header):
		return in.log.refuse(r.Context(), name, http.StatusUnsupportedMediaType, errors.New("is not plain JSON")), false
	}
	held := 0
	defer func() { in.memory.give(held) }()
	body, status, err := in.read(w, r, &held)
	if err != nil {
		return in.log.refuse(r.Context(), name, status, err), false
	}

	deadline := time.Now().Add(in.limits.HandleFor)
	ctx, cancel := context.WithDeadline(r.Context(), deadline)
	defer cancel()
	read, err := client.ReadWebhook(ctx, in.webhookRequest(r, name, body))
	if err != nil {
		return in.log.refuse(ctx, name, statusOf(err), err), true
	}
	err = in.dispatch(ctx, deadline, keyOf(name, read.Key), read.Events, &held)
	switch {
	case err == nil:
		return http.StatusOK, true
	case errors.Is(err, errFailed):
		return http.StatusInternalServerError, true // logged where it failed
	}
	return in.log.refuse(ctx, name, http.StatusServiceUnavailable, err), true
}

// webhookRequest is what the adapter gets to see.
func (in *inbox) webhookRequest(r *http.Request, name string, body []byte) bankmux.WebhookRequest {
	d := bankmux.NewWebhookRequest(r.Header, body)
	if in.url == "" {
		return d
	}
	to := strings.ReplaceAll(in.url, "{client}", url.PathEscape(name))
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		to += "?" + r.URL.RawQuery
	}
	return d.SentTo(r.Method, to)
}

// statusOf is the answer to a delivery that could not be read. Only where the trouble is ours may
// it come again with hope.
func statusOf(err error) int {
	switch bankmux.KindOf(err) {
	case bankmux.ErrSignature:
		return http.StatusUnauthorized
	case bankmux.ErrUnsupported:
		return http.StatusNotFound
	}
	return http.StatusServiceUnavailable
}

// clientOf is the last segment of the path, so it does not matter where the inbox is mounted.
func clientOf(r *http.Request) string {
	path := strings.TrimSuffix(r.URL.EscapedPath(), "/")
	name, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return ""
	}
	return name
}

// plainJSON reports whether the body is what was signed: JSON, and not compressed on the way.
func plainJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	encoding := h.Get("Content-Encoding")
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) &&
		(encoding == "" || encoding == "identity")
}
