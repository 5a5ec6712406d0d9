package bankhttp

// This file finds connections of a user to the same bank.

import (
	"context"
	"log/slog"
	"slices"

	"github.com/bankmux/bankmux"
)

// shown is a connection as the browser gets it.
type shown struct {
	bankmux.ConnectionView

	// PerhapsReplaces has the ids of the user's older connections at the same bank, through the
	// same client. A user may have two logins at a bank, so only the user knows whether it is so.
	PerhapsReplaces []string `json:"perhaps_replaces,omitempty"`
}

// show returns connections for the browser. All are those of the user, in the order in which they
// were made. Of one that is not among them, it is not known which are older.
func show(some, all []bankmux.Connection) []shown {
	out := []shown{}
	for i := range some {
		one := shown{ConnectionView: some[i].View()}
		own := slices.IndexFunc(all, func(conn bankmux.Connection) bool { return conn.ID == one.ID })
		for k := range max(own, 0) {
			if sameBank(&all[k], &some[i]) {
				one.PerhapsReplaces = append(one.PerhapsReplaces, all[k].ID)
			}
		}
		out = append(out, one)
	}
	return out
}

// sameBank reports whether two connections lead to the same bank through the same client.
func sameBank(a, b *bankmux.Connection) bool {
	return a.Client == b.Client && a.Institution.ID != "" && a.Institution.ID == b.Institution.ID
}

// showLinked returns the connections of one exchange. None of them replaces another one. A store
// that cannot list the user's connections, or not all of them, does not make a link fail.
func (s *Service) showLinked(ctx context.Context, user string, linked []bankmux.Connection) []shown {
	all, err := s.store.Connections(ctx, user)
	if err != nil && !onlySealed(err) {
		s.log.LogAttrs(ctx, slog.LevelWarn, "bankhttp: older connections to a bank could not be read",
			slog.Any("error", err))
	}
	out := show(linked, all)
	for i := range out {
		out[i].PerhapsReplaces = slices.DeleteFunc(out[i].PerhapsReplaces, func(id string) bool {
			return slices.ContainsFunc(linked, func(conn bankmux.Connection) bool { return conn.ID == id })
		})
	}
	return out
}
