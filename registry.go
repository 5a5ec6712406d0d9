package bankmux

import "context"

// Registry holds clients and routes.
type Registry struct{}

func (r *Registry) CreateSession(ctx context.Context, req SessionRequest) (Session, error) {
	return Session{}, nil
}

func (r *Registry) ExchangeToken(ctx context.Context, req ExchangeRequest) (Connection, error) {
	return Connection{}, nil
}
