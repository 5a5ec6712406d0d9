package bankhttp

// This file makes a Service and mounts its handlers.

import (
	"cmp"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/httpbody"
)

// Service makes the handlers. It is safe for concurrent use, and so are they.
type Service struct {
	config   Config
	store    Store
	prefix   string
	returnTo url.URL
	origin   *http.CrossOriginProtection
	log      *slog.Logger

	progress runs
	held     held[exchangeKey, made]
	ended    held[exchangeKey, []byte] // payloads of accesses that ended, until the store forgets them
	later    later
	answered held[answerKey, answered]
}

// New checks the configuration and returns a Service. It starts no goroutine and sends nothing.
// While the service holds a result that the store could not keep, one goroutine tries to store it.
// Another one keeps other processes from its exchange. See [Service.Close]. The error is
// [bankmux.ErrInvalid] and names the field.
func New(config Config) (*Service, error) {
	s := &Service{config: config, prefix: "/bank", origin: http.NewCrossOriginProtection(), log: config.Logger}
	switch {
	case config.Registry == nil:
		return nil, invalid("Config.Registry", "is nil")
	case config.Store == nil:
		return nil, invalid("Config.Store", "is nil")
	case config.User == nil:
		return nil, invalid("Config.User", "is nil")
	case config.ReadFor < 0 || config.HandleFor < 0:
		return nil, invalid("Config", "has a negative time")
	}
	if config.PublicURL != "" {
		origin, prefix, ok := split(config.PublicURL)
		if !ok || s.origin.AddTrustedOrigin(origin) != nil {
			return nil, invalid("Config.PublicURL", "is not an http or https URL without query")
		}
		s.prefix = prefix
	}
	for _, origin := range config.TrustedOrigins {
		if err := s.origin.AddTrustedOrigin(origin); err != nil {
			return nil, invalid("Config.TrustedOrigins", "has a text that is not an origin")
		}
	}
	to, err := url.Parse(cmp.Or(config.ReturnTo, "/"))
	if err != nil {
		return nil, invalid("Config.ReturnTo", "is not a URL")
	}
	s.returnTo = *to
	if hooks := config.Session.WebhookURL; hooks != "" {
		if _, _, ok := split(strings.ReplaceAll(hooks, "{client}", "client")); !ok {
			return nil, invalid("Config.Session.WebhookURL", "is not an http or https URL without query")
		}
	}
	s.complete()
	return s, nil
}

// complete replaces what is zero.
func (s *Service) complete() {
	c := &s.config
	if c.Presence == nil {
		c.Presence = presenceOf
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	c.ReadFor = cmp.Or(c.ReadFor, 5*time.Second)
	c.HandleFor = cmp.Or(c.HandleFor, 30*time.Second)
	if c.PublicURL != "" {
		public := strings.TrimRight(c.PublicURL, "/")
		c.Session.WebhookURL = cmp.Or(c.Session.WebhookURL, public+"/hooks/{client}")
		c.Session.RedirectURI = cmp.Or(c.Session.RedirectURI, public+"/return")
	}
	s.store = marked{c.Store, s.log}
}

// Handler returns the handlers on the paths of the package's documentation, below the path of
// [Config.PublicURL]. Other paths and methods get a [Problem]. So does a path that is not clean,
// such as one with "//". An [http.ServeMux] in front of the handler redirects it before. It leaves
// out [Service.Health], which is not for the public.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	for part, byMethod := range map[string]methods{
		"/sessions":                          {http.MethodPost: s.Link()},
		"/sessions/{session}":                {http.MethodGet: s.Session(), http.MethodPost: s.Finish()},
		"/connections":                       {http.MethodGet: s.Connections()},
		"/connections/{connection}":          {http.MethodDelete: s.Disconnect()},
		"/connections/{connection}/sessions": {http.MethodPost: s.Reconnect()},
		"/connections/{connection}/sync":     {http.MethodGet: s.SyncState(), http.MethodPost: s.Sync()},
		"/accounts":                          {http.MethodGet: s.Accounts(), http.MethodPost: s.ReadAccounts()},
		"/transactions":                      {http.MethodGet: s.Transactions()},
		"/unnamed/{unnamed}":                 {http.MethodPost: s.NameAccount()},
		"/user":                              {http.MethodDelete: s.DeleteUser()},
		"/challenges/{challenge}":            {http.MethodPost: s.Answer()},
		"/hooks/{client}":                    {http.MethodPost: s.Webhooks()},
		"/launcher.js":                       {http.MethodGet: s.Launcher()},
	} {
		mux.Handle(s.prefix+part, byMethod)
	}
	mux.Handle(s.prefix+"/return", s.Return()) // its GET changes something, so it does not serve HEAD
	mux.HandleFunc(s.prefix+"/", noPath)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.EscapedPath(); !isClean(p) || p == s.prefix { // mux would redirect it, with HTML
			noPath(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isClean reports whether a path is the shortest one of its meaning.
func isClean(p string) bool {
	clean := path.Clean("/" + p)
	return p == clean || p == strings.TrimSuffix(clean, "/")+"/"
}

// methods serves one path.
type methods map[string]http.Handler

// ServeHTTP calls the handler of the method. GET also serves HEAD.
func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	h, ok := m[method]
	if !ok {
		refuseMethod(w, r, withHead(slices.Sorted(maps.Keys(m))...)...)
		return
	}
	h.ServeHTTP(w, r)
}

// refuseMethod writes the problem of a method that a path does not have.
func refuseMethod(w http.ResponseWriter, r *http.Request, allowed ...string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	httpbody.CloseUnread(w, r)
	ProblemOf(KindMethod).ServeHTTP(w, r)
}

// withHead adds HEAD to methods that have GET.
func withHead(methods ...string) []string {
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	return methods
}

// noPath writes the problem of a path that no handler has.
func noPath(w http.ResponseWriter, r *http.Request) {
	httpbody.CloseUnread(w, r)
	ProblemOf(KindNoPath).ServeHTTP(w, r)
}

// invalid returns the error for a field of the configuration.
func invalid(field, detail string) error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}
}
