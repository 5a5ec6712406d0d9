package store

// This file stores which transactions perhaps replace others.

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// settle deletes the suggestions about rows that the bank has returned again, or that have become
// other rows.
func (p *page) settle(ctx context.Context, d *bankmux.Delta, changes []rowChange) error {
	var ids []any
	for i := range changes[:len(d.Modified)+len(d.Replaced)] {
		if id := changes[i].id; id != "" {
			ids = append(ids, id)
		}
	}
	for part := range slices.Chunk(ids, findBatch) {
		_, err := p.exec(ctx, "DELETE FROM bankmux_suggestions WHERE was IN ("+placeholders(1, len(part))+")", part...)
		if err != nil {
			return err
		}
	}
	return nil
}

// suggest stores the suggestions of a page. Those of an earlier page about the same row are gone.
func (p *page) suggest(ctx context.Context, all []bankmux.Suggestion) error {
	for i := range all {
		was := p.ids[keyOf(all[i].Was)]
		if was == "" {
			continue // it is removed already
		}
		if _, err := p.exec(ctx, "DELETE FROM bankmux_suggestions WHERE was = $1", was); err != nil {
			return err
		}
		for _, may := range all[i].May {
			id := p.ids[keyOf(may)]
			if id == "" || id == was {
				continue
			}
			_, err := p.exec(ctx, "INSERT INTO bankmux_suggestions (id, was, user_id, created_at, account)"+
				" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id, was) DO NOTHING",
				id, was, p.user, p.now.UnixMilli(), plainText(may.Account))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetSuggestions deletes the suggestions about a row that goes.
func forgetSuggestions(ctx context.Context, w *work, id string) error {
	_, err := w.exec(ctx, "DELETE FROM bankmux_suggestions WHERE id = $1 OR was = $1", id)
	return err
}

// addSuggestions adds to rows of a page the keys of the rows that they perhaps replace. The ids are
// those of all rows of the page.
func addSuggestions(ctx context.Context, w *work, rows []bankhttp.Transaction, ids []any) error {
	type pair struct{ account, key, was string }
	for part := range slices.Chunk(ids, findBatch) {
		pairs, err := each(ctx, w, "SELECT n.account, n.key, t.key FROM bankmux_suggestions s"+
			" JOIN bankmux_transactions n ON n.id = s.id JOIN bankmux_transactions t ON t.id = s.was"+
			" WHERE s.id IN ("+placeholders(1, len(part))+") ORDER BY t.day, t.id",
			part, func(p *pair) []any { return []any{&p.account, &p.key, &p.was} })
		if err != nil {
			return err
		}
		for _, p := range pairs {
			i := slices.IndexFunc(rows, func(t bankhttp.Transaction) bool {
				return t.Account == p.account && t.Key == p.key
			})
			if i >= 0 {
				rows[i].PerhapsReplaces = append(rows[i].PerhapsReplaces, p.was)
			}
		}
	}
	return nil
}
