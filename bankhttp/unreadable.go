package bankhttp

// This file keeps rows that do not open from hiding the others.

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/bankmux/bankmux"
)

// unreadable takes the connections that do not open out of the error of a list. The error that it
// returns is of the whole list. A reading of one connection names no other one.
func (s *Service) unreadable(ctx context.Context, only string, err error) ([]failure, error) {
	ids := unreadableOf(err)
	if len(ids) == 0 {
		return nil, err
	}
	s.logUnreadable(ctx, err)
	var all []failure
	for _, id := range ids {
		if only == "" || id == only {
			all = append(all, failure{Connection: id, Problem: ProblemOf(bankmux.ErrSeal)})
		}
	}
	return all, nil
}

// logUnreadable logs that stored rows do not open.
func (s *Service) logUnreadable(ctx context.Context, err error) {
	s.log.LogAttrs(ctx, bankmux.ErrSeal.LogLevel(), "bankhttp: stored rows do not open", slog.Any("error", err))
}

// unreadableOf returns the ids of the connections that the error of a list names, each once. It
// returns none if the error is of the whole list.
func unreadableOf(err error) []string {
	var ids []string
	for _, one := range parts(err) {
		e := bankmux.ErrorOf(one)
		if e == nil || e.Kind != bankmux.ErrSeal || e.Connection == "" || errors.Is(one, KindStore) {
			return nil
		}
		if !slices.Contains(ids, e.Connection) {
			ids = append(ids, e.Connection)
		}
	}
	return ids
}

// onlySealed reports whether an error of a list is only about rows that do not open.
func onlySealed(err error) bool {
	for _, one := range parts(err) {
		if e := bankmux.ErrorOf(one); e == nil || e.Kind != bankmux.ErrSeal {
			return false
		}
	}
	return err != nil
}

// parts returns the errors that were joined.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	_, single := err.(*bankmux.Error) //nolint:errorlint // one that wraps several errors is still one
	joined, ok := err.(interface{ Unwrap() []error })
	if single || !ok {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, parts(one)...)
	}
	return all
}

// add adds the failures of connections that have none yet.
func add(all []failure, more ...failure) []failure {
	for _, f := range more {
		if !hasFailed(all, f.Connection) {
			all = append(all, f)
		}
	}
	return all
}

// hasFailed reports whether a failure names a connection.
func hasFailed(all []failure, connection string) bool {
	return slices.ContainsFunc(all, func(f failure) bool { return f.Connection == connection })
}
