package bankhttp

// This file has the handler for webhooks.

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

// Webhooks handles the deliveries of all providers: see package inbox. The last segment of the path
// is the name of a client. It needs no user, because each delivery proves its sender.
//
// A verified delivery is put into the queue of the store, once. A flow that ended while the user
// was away is exchanged at once, as in [Service.Finish].
func (s *Service) Webhooks() http.Handler {
	options := []inbox.Option{
		inbox.WithSeen(s.store), inbox.WithLimits(s.config.Webhooks), inbox.WithLogger(s.log),
	}
	if url := s.config.Session.WebhookURL; url != "" {
		options = append(options, inbox.WithURL(url))
	}
	return inbox.New(s.config.Registry, s.take, options...)
}

// take stores an event. Once it returns nil, the provider does not send the event again.
func (s *Service) take(ctx context.Context, event bankmux.Event) error {
	if event.Kind != bankmux.EventLinkFinished {
		return s.store.Queue(ctx, event)
	}
	session, err := s.store.FindSession(ctx, event.Session)
	switch bankmux.KindOf(err) {
	case "":
	case bankmux.ErrNotFound, bankmux.ErrTokenSpent:
		return nil // of another application with the same keys, or expired: a repeat cannot help
	default:
		return err
	}
	payload := []byte(event.ExchangePayload().Reveal()) // empty if the provider's exchange needs none
	res, err := s.finish(bankmux.WithoutUser(ctx), session.Ref(), payload)
	for _, f := range res.Failed { // other banks of the run
		if err == nil && f.Err != nil && !final(f.Err) {
			err = f.Err
		}
	}
	if final(err) {
		return nil // the user gave up, or the browser was faster
	}
	return err
}

// final reports whether a repeat of an exchange cannot help.
func final(err error) bool {
	switch bankmux.KindOf(err) {
	case bankmux.ErrTokenSpent, bankmux.ErrUserAction, bankmux.ErrInvalid, bankmux.ErrNotFound:
		return true
	}
	return false
}
