package bankhttp

// This file has what all handlers do: the checks before the work, and the response after it.

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/httpbody"
)

// request is a request of a user, which the checks have passed.
type request struct {
	http  *http.Request
	w     http.ResponseWriter
	user  string
	param string // the part of the path that the pattern of the handler names
	whole bool   // the body was read to its end
}

// work handles a request. It returns what is written as JSON, or an error.
type work func(ctx context.Context, r *request) (any, error)

// noParam is the error of a handler that was mounted without what it needs.
type noParam struct{ name string }

func (e *noParam) Error() string {
	return "the path has no value for {" + e.name + "}: name it so in the pattern, or call Request.SetPathValue"
}

// noContent is the result of work that has nothing to write.
type noContent struct{}

// user returns the handler for requests of a user with one method. A param other than "" names the
// part of the path that it needs.
func (s *Service) user(method, param string, do work) http.Handler {
	allowed := withHead(method)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(allowed, r.Method) {
			refuseMethod(w, r, allowed...)
			return
		}
		req := &request{http: r, w: w, param: r.PathValue(param)}
		ctx, cancel := context.WithTimeout(r.Context(), s.config.HandleFor)
		defer cancel()
		result, err := s.handle(ctx, req, func(ctx context.Context, req *request) (any, error) {
			if param != "" && req.param == "" {
				return nil, &noParam{param}
			}
			return do(ctx, req)
		})
		if !req.whole {
			httpbody.CloseUnread(w, r)
		}
		switch {
		case err != nil:
			p := s.problem(ctx, req, err)
			if e, ok := errors.AsType[*incomplete](err); ok {
				e.serve(w, p)
				return
			}
			p.ServeHTTP(w, r)
		case result == noContent{}:
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusNoContent)
		default:
			write(w, http.StatusOK, "application/json", result)
		}
	})
}

// handle checks a request and does the work.
func (s *Service) handle(ctx context.Context, r *request, do work) (any, error) {
	if err := s.origin.Check(r.http); err != nil {
		return nil, KindCrossOrigin
	}
	user, err := s.config.User(r.http)
	if err == nil && user == "" {
		err = KindNoUser
	}
	if err != nil {
		return nil, err
	}
	r.user = user
	return do(guard.Interactive(bankmux.WithPresence(ctx, s.config.Presence(r.http))), r)
}

// lasting returns a context for work that must go on if the browser leaves. The time to handle the
// request still ends it.
func (s *Service) lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.config.HandleFor)
}

// problem returns the response to an error, and logs what it leaves out.
func (s *Service) problem(ctx context.Context, r *request, err error) Problem {
	p, err := s.problemOf(ctx, r.user, err)
	level := slog.LevelDebug
	if p.Status >= http.StatusInternalServerError && r.http.Context().Err() == nil { // the browser is there
		level = slog.LevelWarn
		if p.Kind == kindInternal || p.Kind == KindStore || p.Kind.LogLevel() == slog.LevelError {
			level = slog.LevelError
		}
	}
	s.log.LogAttrs(ctx, level, "bankhttp: the request failed",
		slog.String("pattern", r.http.Pattern), slog.Int("status", p.Status), slog.Any("error", err))
	return p
}

// problemOf returns the problem for an error of a user's call. It stores the challenge that the
// error has. If that fails, the problem and the error are those of the store.
func (s *Service) problemOf(ctx context.Context, user string, err error) (Problem, error) {
	p := ProblemOf(err)
	e := bankmux.ErrorOf(err)
	if e == nil || e.Challenge == nil || p.Kind == KindStore {
		return p, err
	}
	ctx, cancel := s.lasting(ctx)
	defer cancel()
	id, saveErr := s.store.SaveChallenge(ctx, user, *e.Challenge)
	if saveErr != nil {
		return ProblemOf(saveErr), saveErr
	}
	p.Challenge = challengeOf(id, *e.Challenge)
	if p.Kind == bankmux.ErrUserAction {
		p.Detail = "Your bank has a question."
	}
	return p, err
}

// The largest bodies, in bytes. A payload of a provider's page may be longer than the others.
const (
	maxPayload = 256 << 10
	maxBody    = 64 << 10
)

// body reads the whole body. It must be plain JSON, or empty. A proxy may send an empty body in
// chunks, so its length is not given.
func (s *Service) body(ctx context.Context, r *request, limit int64) ([]byte, error) {
	isJSON := httpbody.PlainJSON(r.http.Header)
	if !isJSON && r.http.ContentLength < 0 {
		limit = 0
	}
	switch {
	case r.http.ContentLength == 0:
		return nil, nil
	case !isJSON && r.http.ContentLength > 0:
		return nil, KindNotJSON
	case r.http.ContentLength > limit:
		return nil, KindLargeBody
	}
	source := httpbody.New(ctx, r.w, r.http, s.config.ReadFor)
	defer source.Stop()
	body, err := io.ReadAll(io.LimitReader(source, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, KindSlowBody
	case err != nil:
		return nil, refused(wholeBody, "is not complete")
	case !isJSON && len(body) > 0:
		return nil, KindNotJSON
	case int64(len(body)) > limit:
		return nil, KindLargeBody
	}
	r.whole = true
	return body, nil
}

// object reads the members of a body. An empty body has none.
func (s *Service) object(ctx context.Context, r *request, into members) error {
	body, err := s.body(ctx, r, maxBody)
	if err != nil || len(body) == 0 {
		return err
	}
	return into.read(body)
}

// maxText is the longest text of a query parameter, in bytes.
const maxText = 1 << 10

// queryIn returns the whole query of a request. [url.URL.Query] would leave out a malformed part,
// which may be a filter or the error of a provider's page.
func queryIn(r *http.Request) (url.Values, error) {
	in, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refused("query", "has a part that is not encoded as a query")
	}
	return in, nil
}

// parametersOf returns the query parameters of a request to a handler that has those in known.
func parametersOf(r *http.Request, known ...string) (url.Values, error) {
	in, err := queryIn(r)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		switch values := in[name]; {
		case !slices.Contains(known, name):
			return nil, refused(nameOf(name, "query"), "is not a query parameter")
		case len(values) != 1:
			return nil, refused(name, "is given twice")
		case len(values[0]) > maxText || !utf8.ValidString(values[0]):
			return nil, refused(name, "is too long or not UTF-8")
		}
	}
	return in, nil
}
