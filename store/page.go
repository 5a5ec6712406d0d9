package store

// This file writes one page of changes.

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
)

// page is one page of changes of a user. Rows are found by their keys before anything is written,
// so a page may give one row the key that another one had.
type page struct {
	store *Store
	*work
	user  string
	now   time.Time
	added int                   // rows so far
	ids   map[accountKey]string // the ids of the stored rows that the page names, by their present keys
}

type accountKey struct{ account, key string }

func keyOf(k *bankmux.Known) accountKey { return accountKey{k.Account, k.Key} }

// rowChange is a change of a stored row.
type rowChange struct {
	bankmux.Change
	id string // "" if the row is not stored
}

// put writes the page.
func (p *page) put(ctx context.Context, d *bankmux.Delta) error {
	changes := changesOf(d)
	if err := p.lockAccounts(ctx, d, changes); err != nil {
		return err
	}
	if err := p.find(ctx, d, changes); err != nil {
		return err
	}
	for i := range d.Removed {
		if err := p.remove(ctx, keyOf(&d.Removed[i].Known), d.Removed[i].Reason); err != nil {
			return err
		}
	}
	for i := range changes {
		if err := p.vacate(ctx, &changes[i]); err != nil {
			return err
		}
	}
	for i := range changes {
		if err := p.change(ctx, &changes[i]); err != nil {
			return err
		}
	}
	if err := p.add(ctx, d.Added); err != nil {
		return err
	}
	if err := p.settle(ctx, d, changes); err != nil {
		return err
	}
	return p.suggest(ctx, d.Suggested)
}

// changesOf returns the changes of a page. A row that is missing changes too.
func changesOf(d *bankmux.Delta) []rowChange {
	all := make([]rowChange, 0, len(d.Modified)+len(d.Replaced)+len(d.Missing))
	for _, list := range [][]bankmux.Change{d.Modified, d.Replaced} {
		for i := range list {
			all = append(all, rowChange{Change: list[i]})
		}
	}
	for i := range d.Missing {
		k := d.Missing[i].Known
		all = append(all, rowChange{Change: bankmux.Change{Was: &k, Known: k}})
	}
	return all
}

// names returns the keys of the page: those of stored rows, and those that rows shall have.
func names(d *bankmux.Delta, changes []rowChange) map[accountKey]bool {
	keys := map[accountKey]bool{}
	for i := range d.Added {
		keys[keyOf(&d.Added[i].Known)] = true
	}
	for i := range changes {
		keys[keyOf(changes[i].Was)], keys[keyOf(&changes[i].Known)] = true, true
	}
	for i := range d.Removed {
		keys[keyOf(&d.Removed[i].Known)] = true
	}
	for i := range d.Suggested {
		keys[keyOf(d.Suggested[i].Was)] = true
	}
	return keys
}

// lockAccounts makes sure that the accounts of the page belong to the user. Two pages with rows of
// one account are written one after the other.
func (p *page) lockAccounts(ctx context.Context, d *bankmux.Delta, changes []rowChange) error {
	accounts := map[string]bool{}
	for k := range names(d, changes) {
		accounts[k.account] = true
	}
	for _, account := range slices.Sorted(maps.Keys(accounts)) { // in one order, so that no two pages wait in a circle
		named, err := p.has(ctx, "SELECT 1 FROM bankmux_accounts WHERE id = $1 AND user_id = $2"+
			p.dialect.lockContent(), plainText(account), p.user)
		if err != nil {
			return err
		}
		if !named {
			return invalid("Delta", "names an account that Store.NameAccounts did not name for the user")
		}
	}
	return nil
}

// findBatch is how many keys one query looks for.
const findBatch = 200

// find reads the ids of the rows that the page names.
func (p *page) find(ctx context.Context, d *bankmux.Delta, changes []rowChange) error {
	byAccount := map[string][]any{}
	for k := range names(d, changes) {
		byAccount[k.account] = append(byAccount[k.account], k.key)
	}
	for account, keys := range byAccount {
		for part := range slices.Chunk(keys, findBatch) {
			type row struct{ id, key string }
			rows, err := each(ctx, p.work, "SELECT id, key FROM bankmux_transactions WHERE account = $1 AND key IN ("+
				placeholders(2, len(part))+")", append([]any{account}, part...),
				func(r *row) []any { return []any{&r.id, &r.key} })
			if err != nil {
				return err
			}
			for _, r := range rows {
				p.ids[accountKey{account, r.key}] = r.id
			}
		}
	}
	for i := range changes {
		changes[i].id = p.ids[keyOf(changes[i].Was)]
	}
	return nil
}

// placeholders returns n parameters, the first of which is $first.
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(first+i))
	}
	return b.String()
}

// remove deletes a row and keeps its note. If another connection to the account has removed the
// row, there is nothing to do.
func (p *page) remove(ctx context.Context, key accountKey, reason string) error {
	id, ok := p.ids[key]
	if !ok {
		return nil
	}
	delete(p.ids, key)
	_, err := p.exec(ctx, "INSERT INTO bankmux_removed (id, user_id, created_at, account, key, note, reason)"+
		" SELECT id, user_id, CAST($2 AS BIGINT), account, CAST($4 AS TEXT), note, CAST($3 AS TEXT)"+
		" FROM bankmux_transactions WHERE id = $1 AND note <> ''",
		id, p.now.UnixMilli(), plainText(cmp.Or(reason, "removed")), plainText(key.key))
	if err == nil {
		_, err = p.exec(ctx, "DELETE FROM bankmux_transactions WHERE id = $1", id)
	}
	if err == nil {
		err = forgetSuggestions(ctx, p.work, id)
	}
	return err
}

// vacate gives up the key of a row that gets another one.
func (p *page) vacate(ctx context.Context, c *rowChange) error {
	was := keyOf(c.Was)
	if c.id == "" || was == keyOf(&c.Known) {
		return nil
	}
	if p.ids[was] == c.id {
		delete(p.ids, was)
	}
	_, err := p.exec(ctx, "UPDATE bankmux_transactions SET key = $1 WHERE id = $2", "~"+c.id, c.id)
	return err
}

// change writes the new content of a row. Without a new reading it keeps the sealed row.
//
// A second row with the new key is the same movement, read through another connection to the
// account. It is removed, and this row keeps its note.
func (p *page) change(ctx context.Context, c *rowChange) error {
	key := keyOf(&c.Known)
	switch other := p.ids[key]; {
	case c.id == "" && c.Row == nil:
		return nil // a missing row that another connection to the account has removed
	case c.id == "":
		return p.add(ctx, []bankmux.Added{{Row: c.Row, Known: c.Known}})
	case other != "" && other != c.id:
		if err := p.remove(ctx, key, "the same as another row"); err != nil {
			return err
		}
	}
	p.ids[key] = c.id
	return p.update(ctx, c.id, &c.Known, c.Row)
}

// update writes the content of a stored row.
func (p *page) update(ctx context.Context, id string, k *bankmux.Known, row *bankmux.Transaction) error {
	r, err := p.values(id, k, row)
	if err != nil {
		return err
	}
	args := []any{id, p.now.UnixMilli(), r.account, r.key, r.day, r.amount, r.currency, r.status, r.known}
	query := "UPDATE bankmux_transactions SET updated_at = $2, account = $3, key = $4, day = $5, amount = $6," +
		" currency = $7, status = $8, known = $9"
	if row != nil {
		query += ", search = $10, sealed = $11"
		args = append(args, r.search, r.sealed)
	}
	_, err = p.exec(ctx, query+" WHERE id = $1", args...)
	return err
}

// values are the columns of a row.
type values struct {
	id, account, key, day, amount, currency, status, search, known string
	sealed                                                         []byte
}

func (p *page) values(id string, k *bankmux.Known, row *bankmux.Transaction) (v values, err error) {
	known, err := json.Marshal(k)
	if err != nil {
		return v, invalid("Known", "cannot be written as JSON")
	}
	v = values{
		id: id, account: plainText(k.Account), key: plainText(k.Key), day: k.Date.String(), amount: k.Amount.Amount(),
		currency: plainText(string(k.Amount.Currency())), status: plainText(string(k.Status)), known: string(known),
	}
	if row == nil {
		row = &bankmux.Transaction{
			Account: k.Account, Amount: k.Amount, Status: k.Status, Date: k.Date, Description: k.Text,
			Reference: k.Reference,
		}
	}
	v.search = searchText(k, row)
	v.sealed, err = p.store.seal(sealedTransaction, row, p.user, id)
	return v, err
}

// searchText returns what a search looks into. It is in clear, so it has neither the number of an
// account nor the bank's own writing of a text.
func searchText(k *bankmux.Known, row *bankmux.Transaction) string {
	parts := []string{k.Text}
	for _, part := range []string{row.Description, row.Details, row.Reference} {
		if part != "" && part != k.Text {
			parts = append(parts, part)
		}
	}
	if row.Counterparty != nil {
		parts = append(parts, row.Counterparty.Name)
	}
	if row.Enrichment != nil {
		parts = append(parts, row.Enrichment.Merchant.Name)
	}
	return foldText(strings.Join(parts, "\n"))
}

// foldText returns text as it is searched.
func foldText(text string) string { return plainText(strings.ToLower(text)) }

// addBatch is how many rows one statement inserts, and addColumns how many values each has.
const (
	addBatch   = 50
	addColumns = 10
)

// add inserts rows. A row whose key is stored already, because another connection to the account
// read it too, is updated.
func (p *page) add(ctx context.Context, added []bankmux.Added) error {
	var fresh []bankmux.Added
	for i := range added {
		key := keyOf(&added[i].Known)
		id, stored := p.ids[key]
		if !stored {
			p.ids[key] = "" // inserted below
			fresh = append(fresh, added[i])
			continue
		}
		if id == "" {
			return invalid("Delta.Added", "has one key twice")
		}
		if err := p.update(ctx, id, &added[i].Known, added[i].Row); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(fresh, addBatch) {
		if err := p.insert(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// nextID returns the id of a new row. Later rows have greater ones, so rows of one day are paged in
// the order in which they were stored.
func (p *page) nextID() string {
	var chance [8]byte
	_, _ = rand.Read(chance[:]) // never fails
	p.added++
	return fmt.Sprintf("%012x%06x%x", p.now.UnixMilli(), p.added, chance)
}

func (p *page) insert(ctx context.Context, added []bankmux.Added) error {
	var b strings.Builder
	b.WriteString("INSERT INTO bankmux_transactions (user_id, created_at, updated_at, note, id, account, key, day," +
		" amount, currency, status, search, known, sealed) VALUES ")
	args := []any{p.user, p.now.UnixMilli()}
	for i := range added {
		v, err := p.values(p.nextID(), &added[i].Known, added[i].Row)
		if err != nil {
			return err
		}
		p.ids[keyOf(&added[i].Known)] = v.id
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("($1, $2, $2, '', " + placeholders(len(args)+1, addColumns) + ")")
		args = append(args, v.id, v.account, v.key, v.day, v.amount, v.currency, v.status, v.search, v.known, v.sealed)
	}
	_, err := p.exec(ctx, b.String(), args...)
	return err
}
