package store

// This file finds out whether an access is lost that another call opened.

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
)

// spent reports whether an access is open that nothing stores. That is so if the call found more
// logins spent than the exchanges of its session have stored. A session has several exchanges if
// webhook and browser post different payloads.
//
// The exchanges inDoubt ended in doubt, and have no failure whose outcome is unknown. All of the
// session are locked. So of two calls, the second one sees what the first one stores.
func (s *Store) spent(ctx context.Context, w *work, c *claim, out *outcome) (lost bool, inDoubt []string, err error) {
	if out.spent == 0 {
		return false, nil, nil
	}
	type row struct {
		id, state string
		sealed    []byte
	}
	rows, err := each(ctx, w, "SELECT id, state, sealed FROM bankmux_exchanges WHERE "+ofSession("$1", "$2")+
		" ORDER BY id"+w.dialect.lockRow(),
		[]any{plainText(c.ref.User), plainText(c.ref.ID)},
		func(r *row) []any { return []any{&r.id, &r.state, &r.sealed} })
	if err != nil {
		return false, nil, err
	}
	stored := map[string]bool{}
	for _, r := range rows {
		if r.sealed == nil {
			continue
		}
		one := &outcome{}
		err := s.open(sealedExchange, r.sealed, one, c.ref.User, r.id)
		switch {
		case bankmux.KindOf(err) == bankmux.ErrSeal:
			continue
		case err != nil:
			return false, nil, err
		}
		for _, id := range one.Stored {
			stored[id] = true
		}
		if r.state == doubtfulEnded && one.Err == nil && !slices.ContainsFunc(one.Failed, unknown) {
			inDoubt = append(inDoubt, r.id)
		}
	}
	for _, conn := range out.made {
		delete(stored, conn.ID)
	}
	return out.spent > len(stored), inDoubt, nil
}

// settle ends the doubt of other exchanges of a session, all of whose logins are stored now. One
// that ended first did not see what another one was storing.
func settle(ctx context.Context, w *work, exchanges []string) error {
	for _, id := range exchanges {
		_, err := w.exec(ctx, "UPDATE bankmux_exchanges SET state = $1 WHERE id = $2", exchangeDone, id)
		if err != nil {
			return err
		}
	}
	return nil
}
