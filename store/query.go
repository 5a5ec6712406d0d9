package store

// This file reads stored transactions for pages.

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// maxPage is how many rows a page has at most.
const maxPage = 1000

// Transactions returns stored rows of a user, the newest day first. A page has at most 1,000 rows,
// whatever the limit. Every word of [bankhttp.Query.Text] must be in the texts of a row.
//
// Pages are found by the last row of the page before. So rows that are stored meanwhile neither
// repeat nor hide others. Rows that do not open, because their key is lost, are in
// [bankhttp.Page.Unreadable]. The error is [bankmux.ErrInvalid] for a limit below 1 and for a
// malformed [bankhttp.Query.After].
func (s *Store) Transactions(ctx context.Context, q bankhttp.Query) (page bankhttp.Page, err error) {
	err = s.read(ctx, "Transactions", func(w *work) error {
		page, err = s.transactions(ctx, w, q)
		return err
	})
	if err != nil {
		return bankhttp.Page{}, err
	}
	return page, nil
}

// transactionRow is a row of bankmux_transactions.
type transactionRow struct {
	id, key, account, day string
	sealed                []byte
}

func (r *transactionRow) fields() []any {
	return []any{&r.id, &r.key, &r.account, &r.day, &r.sealed}
}

func (s *Store) transactions(ctx context.Context, w *work, q bankhttp.Query) (page bankhttp.Page, err error) {
	user := plainText(q.User)
	limit := min(q.Limit, maxPage)
	query, args, err := selectTransactions(q)
	if err != nil {
		return page, err
	}
	rows, err := each(ctx, w, query, args, (*transactionRow).fields)
	if err != nil {
		return page, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = placeOf(rows[limit-1].day, rows[limit-1].id)
	}
	page.Transactions = make([]bankhttp.Transaction, 0, len(rows))
	ids := make([]any, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.id)
		t := bankhttp.Transaction{Key: r.key, Account: r.account}
		if err := s.open(sealedTransaction, r.sealed, &t.Row, user, r.id); err != nil {
			lost := bankhttp.Unreadable{Key: r.key, Account: r.account, Err: failed("Transactions", err)}
			page.Unreadable = append(page.Unreadable, lost)
			continue
		}
		page.Transactions = append(page.Transactions, t)
	}
	return page, addSuggestions(ctx, w, page.Transactions, ids)
}

// selectTransactions returns the statement of a query. It asks for one row more than the page has.
func selectTransactions(q bankhttp.Query) (query string, args []any, err error) {
	if q.Limit < 1 {
		return "", nil, invalid("Query.Limit", "is not positive")
	}
	var b strings.Builder
	b.WriteString("SELECT id, key, account, day, sealed FROM bankmux_transactions WHERE user_id = $1")
	args = []any{plainText(q.User)}
	and := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "$?", "$"+strconv.Itoa(len(args)), 1)
		}
		b.WriteString(" AND " + condition)
	}
	if q.Account != "" {
		and("account = $?", plainText(q.Account))
	}
	if !q.From.IsZero() {
		and("day >= $?", q.From.String())
	}
	if !q.To.IsZero() {
		and("day <= $?", q.To.String())
	}
	for _, word := range slices.Compact(strings.Fields(foldText(q.Text))) {
		and(`search LIKE $? ESCAPE '\'`, "%"+escapeLike.Replace(word)+"%")
	}
	if q.After != "" {
		day, id, ok := parsePlace(q.After)
		if _, err := bankmux.ParseDate(day); !ok || err != nil && day != "" {
			return "", nil, invalid("Query.After", "is not the Next of a page")
		}
		and("(day, id) < ($?, $?)", day, id)
	}
	args = append(args, min(q.Limit, maxPage)+1)
	b.WriteString(" ORDER BY day DESC, id DESC LIMIT $" + strconv.Itoa(len(args)))
	return b.String(), args, nil
}

// escapeLike escapes the wildcards of LIKE.
var escapeLike = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// placeOf returns the place behind a row of a list, for a cursor such as [bankhttp.Page.Next]. The
// list is sorted by a key and then by the id.
func placeOf(key, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(key + " " + id))
}

// parsePlace reads what placeOf wrote.
func parsePlace(text string) (key, id string, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", "", false
	}
	key, id, ok = strings.Cut(string(raw), " ")
	return key, id, ok && id != "" && id == plainText(id)
}

// SetNote stores the user's note on a transaction, "" for none. The note stays when the bank
// changes the row, and when the user links the bank again. The error is [bankmux.ErrNotFound] if
// the user has no such row.
func (s *Store) SetNote(ctx context.Context, user, account, key, note string) error {
	return s.write(ctx, "SetNote", func(w *work) error {
		n, err := w.exec(ctx, "UPDATE bankmux_transactions SET note = $1"+
			" WHERE user_id = $2 AND account = $3 AND key = $4", plainText(note), plainText(user), plainText(account),
			plainText(key))
		if err == nil && n == 0 {
			err = notFound("transaction")
		}
		return err
	})
}

// Note is a user's note on a transaction.
type Note struct {
	Account string // the application's own name
	Key     string // [bankmux.Known.Key]
	Text    string
	Removed string // why the bank's row is gone, "" if it is there
}

// Notes returns the notes of a user on an account: those on stored rows, and those on rows that the
// bank has removed.
func (s *Store) Notes(ctx context.Context, user, account string) (all []Note, err error) {
	err = s.read(ctx, "Notes", func(w *work) error {
		all, err = each(ctx, w, "SELECT account, key, note, '' FROM bankmux_transactions"+
			" WHERE user_id = $1 AND account = $2 AND note <> '' UNION ALL"+
			" SELECT account, key, note, reason FROM bankmux_removed WHERE user_id = $1 AND account = $2 ORDER BY 2",
			[]any{plainText(user), plainText(account)},
			func(n *Note) []any { return []any{&n.Account, &n.Key, &n.Text, &n.Removed} })
		return err
	})
	return all, err
}
