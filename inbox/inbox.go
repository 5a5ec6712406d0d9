// Package inbox receives webhooks over HTTP. It bounds their size, lets the adapter verify them,
// and passes them to one handler as events, which have the same form for every provider.
//
//	http.Handle("/hooks/", inbox.New(registry, func(ctx context.Context, event bankmux.Event) error {
//		return queue.Put(ctx, event)
//	}))
//
// The last segment of the path is the name of a client, such as /hooks/moneykit or /hooks/dapi.
// Give the same address to the provider in [bankmux.SessionRequest.WebhookURL].
//
// # What is promised
//
// The inbox responds with 200 only after the handler has returned nil for all events of the
// delivery. It then marks the delivery as seen, and later duplicates are not handled again. If the
// process ends before that, the provider delivers again.
//
// So each event of an accepted delivery is handled at least once. It is handled more than once only
// after a failure, after a crash, or if two processes receive it at the same moment. Make the
// handler quick and idempotent: let it put the event into a durable queue, for example.
//
// An event is a hint. It may be old or out of order, so read from the provider as
// [bankmux.EventKind] describes. Webhooks can also be lost, so read from time to time without one.
//
// # Responses
//
//	200  handled now or before; also a delivery of an unknown kind, if the handler returned nil
//	400  the body broke off
//	401  the signature does not prove that the provider sent it; only the log has the reason
//	404  no such client, or one that takes no webhooks
//	405  not a POST
//	408  the body arrived too slowly
//	413  the body is too large
//	415  not JSON, or compressed
//	500  the handler failed
//	503  too many deliveries wait, no time was left, or keys or seen deliveries cannot be read
//
// The body of an error is a problem document of RFC 9457 with title and status alone. A sender that
// has not proved who it is learns no reason.
package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/httpbody"
)

// Handler is the application's code. It returns nil once the event cannot be lost. Its context ends
// after [Limits.HandleFor], but not when the provider hangs up. Several goroutines may call it at
// the same time. A panic or [runtime.Goexit] in it counts as a failure.
type Handler func(ctx context.Context, event bankmux.Event) error

// Limits bound the memory and time that deliveries may take. Zero means the default.
type Limits struct {
	// Body is the largest body in bytes. The default is 1 MiB.
	Body int
	// Memory is the total of all bodies at a time, in bytes. The default is 64 MiB.
	Memory int
	// Handlers is the number of handlers that run at a time. The default is 16.
	Handlers int
	// Waiting is the number of deliveries that wait for a handler. The default is 1024. They are
	// not acknowledged, so they are not lost if the process ends.
	Waiting int

	// ReadFor is the time for a body to arrive. After it the response is 408. The default is 5 s.
	ReadFor time.Duration
	// HandleFor is the time for a delivery to be verified and handled. After it the response is
	// 503. The default is 10 s, since providers give up after about 15 s.
	HandleFor time.Duration
}

// withDefaults replaces what is zero.
func (l Limits) withDefaults() Limits {
	for n, fallback := range map[*int]int{&l.Body: 1 << 20, &l.Memory: 64 << 20, &l.Handlers: 16, &l.Waiting: 1024} {
		if *n <= 0 {
			*n = fallback
		}
	}
	for d, fallback := range map[*time.Duration]time.Duration{
		&l.ReadFor: 5 * time.Second, &l.HandleFor: 10 * time.Second,
	} {
		if *d <= 0 {
			*d = fallback
		}
	}
	return l
}

// Option configures [New].
type Option func(*inbox)

// WithSeen remembers handled deliveries in s, which several processes may share. The default is a
// [Memory] of 100,000 deliveries for a day.
func WithSeen(s Seen) Option { return func(in *inbox) { in.seen = s } }

// WithLimits sets the limits.
func WithLimits(l Limits) Option { return func(in *inbox) { in.limits = l.withDefaults() } }

// WithLogger logs the reasons of refused deliveries, at most ten per second, and the errors of the
// handler. The default logs nothing.
func WithLogger(l *slog.Logger) Option { return func(in *inbox) { in.log.Logger = l } }

// WithURL sets the public address of the inbox, for providers that sign the URL. Give it the text
// of [bankmux.SessionRequest.WebhookURL], such as "https://app.example.com/hooks/{client}". The
// name of the client replaces "{client}". The query is always that of the delivery.
//
// The inbox never takes the address from a request. A proxy changes scheme, host and path, and a
// sender chooses the Host field. So a sender could replay a delivery that was signed for another
// host. Without WithURL, a delivery with a signed URL is refused with 404. WithURL panics if
// template is not an absolute URL.
func WithURL(template string) Option {
	template, _, _ = strings.Cut(template, "?")
	u, err := url.Parse(strings.ReplaceAll(template, "{client}", "client"))
	if err != nil || !u.IsAbs() || u.Host == "" {
		panic("inbox: WithURL: template is not an absolute URL")
	}
	return func(in *inbox) { in.url = template }
}

// inbox is the handler that [New] returns.
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

// New returns the HTTP handler for the webhooks of all clients in the registry. It includes clients
// that [bankmux.Registry.Swap] adds later. New starts no goroutine. It panics if registry or
// handler is nil.
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

// ServeHTTP responds to one delivery.
func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, whole := in.serve(w, r, clientOf(r))
	if !whole {
		httpbody.CloseUnread(w, r)
	}
	w.Header().Set("Cache-Control", "no-store")
	switch status {
	case http.StatusOK:
		w.WriteHeader(status)
		return
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "10")
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	//nolint:gosec // the texts are those of HTTP
	_, _ = fmt.Fprintf(w, `{"title":%q,"status":%d}`+"\n", http.StatusText(status), status)
}

// The reasons of refusals before the body is read.
var (
	errNoClient = errors.New("no client of this name")
	errNotPost  = errors.New("the request is not a POST")
	errNotJSON  = errors.New("the body is not plain JSON")
)

// serve returns the status of the response, and whether the whole body was read.
func (in *inbox) serve(w http.ResponseWriter, r *http.Request, name string) (status int, whole bool) {
	client, err := in.registry.Client(name)
	switch {
	case err != nil:
		return in.log.refuse(r.Context(), "", http.StatusNotFound, errNoClient), false
	case r.Method != http.MethodPost:
		return in.log.refuse(r.Context(), name, http.StatusMethodNotAllowed, errNotPost), false
	case !httpbody.PlainJSON(r.Header):
		return in.log.refuse(r.Context(), name, http.StatusUnsupportedMediaType, errNotJSON), false
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
		return http.StatusInternalServerError, true // the failure is logged already
	}
	return in.log.refuse(ctx, name, http.StatusServiceUnavailable, err), true
}

// webhookRequest returns the delivery as the adapter sees it.
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

// statusOf returns the status for a delivery that could not be read. Only failures of this side ask
// for a retry.
func statusOf(err error) int {
	switch bankmux.KindOf(err) {
	case bankmux.ErrSignature:
		return http.StatusUnauthorized
	case bankmux.ErrUnsupported:
		return http.StatusNotFound
	}
	return http.StatusServiceUnavailable
}

// clientOf returns the last segment of the path, so the inbox may be mounted anywhere.
func clientOf(r *http.Request) string {
	path := strings.TrimSuffix(r.URL.EscapedPath(), "/")
	name, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return ""
	}
	return name
}
