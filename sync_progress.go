package bankmux

// This file counts what [Client.SyncAll] has stored.

// report counts a page that was stored, and passes the progress on. At the start there is no page.
func (r *syncRun) report(page *Delta) {
	p := &r.progress
	if r.client.desc.PerAccount {
		p.Total = len(r.list.all())
	}
	if page != nil {
		r.count(page)
	}
	if r.req.Progress != nil {
		r.req.Progress(*p)
	}
}

// count adds a page to the result and to the progress.
func (r *syncRun) count(page *Delta) {
	res, p := &r.res, &r.progress
	res.Pages++
	res.Added += len(page.Added)
	res.Changed += len(page.Modified) + len(page.Replaced)
	res.Removed += len(page.Removed)
	res.Failed = append(res.Failed, page.Failed...)
	p.Pages, p.Rows, p.Finished = res.Pages, res.Added+res.Changed+res.Removed, !page.More
	if p.Done = min(p.Pages, p.Total); p.Finished {
		p.Done = p.Total
	}
	p.Account, p.From, p.To = r.covers(page)
}

// covers returns the account and the days of a page. The account is "" if there are several.
func (r *syncRun) covers(page *Delta) (account string, from, to Date) {
	first := true
	add := func(name string, days ...Date) {
		if first {
			account, first = name, false
		} else if account != name {
			account = ""
		}
		for _, d := range days {
			if from.IsZero() || d.Before(from) {
				from = d
			}
			if d.After(to) {
				to = d
			}
		}
	}
	for _, c := range page.Covered {
		add(r.names[c.Account], c.From, c.To)
	}
	for i := range page.Added {
		add(page.Added[i].Known.Account, page.Added[i].Known.Date)
	}
	for _, changes := range [][]Change{page.Modified, page.Replaced} {
		for i := range changes {
			add(changes[i].Known.Account, changes[i].Known.Date)
		}
	}
	for i := range page.Removed {
		add(page.Removed[i].Known.Account, page.Removed[i].Known.Date)
	}
	return account, from, to
}
