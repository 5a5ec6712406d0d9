package plaid

// This file lists the institutions.

import (
	"slices"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// maxFound is how many institutions a search finds at most.
const maxFound = 10

func (b *Provider) byID(id string) (bank.Institution, bool) {
	return b.Institution(func(in bank.Institution) bool { return id != "" && in.PlaidID == id })
}

// productsOf are the products that Plaid has at an institution.
func productsOf(in bank.Institution) []string {
	var list []string
	for _, name := range in.Products {
		switch name {
		case "account_numbers":
			list = append(list, "auth")
		case "identity", "transactions", "investments":
			list = append(list, name)
		}
	}
	if in.Country == "US" || in.Country == "CA" {
		list = append(list, "liabilities")
	}
	return list
}

// lacks returns the first of the products that an institution does not have, "" for none.
func lacks(in bank.Institution, products []string) string {
	served := productsOf(in)
	for _, name := range products {
		if !slices.Contains(served, name) {
			return name
		}
	}
	return ""
}

// filter is what a list of institutions is asked for.
type filter struct {
	countries, products, routing []string
	oauth                        *bool
	optional, status             bool
}

// readFilter reads the options that the calls share.
func readFilter(o object, f *filter) {
	f.optional, _ = o.flag("include_optional_metadata")
	o.flag("include_auth_metadata")
	o.flag("include_payment_initiation_metadata")
}

// readOAuth reads whether only institutions with OAuth, or only those without, are asked for.
func readOAuth(o object, f *filter) {
	if oauth, present := o.flag("oauth"); present {
		f.oauth = &oauth
	}
}

// readProductFilter reads a list of products, any of Plaid's.
func readProductFilter(o object) []string { return o.texts("products", false, true, 0) }

func (f filter) passes(in bank.Institution) bool {
	return lacks(in, f.products) == "" && (f.oauth == nil || *f.oauth == in.OAuth) &&
		(len(f.routing) == 0 || slices.ContainsFunc(routingNumbers(in), func(n string) bool {
			return slices.Contains(f.routing, n)
		}))
}

func routingNumbers(in bank.Institution) []string {
	if in.Country == "US" {
		return []string{"011401533"}
	}
	return []string{}
}

// of returns the institutions of the countries.
func (f filter) of(b *Provider) []bank.Institution {
	var list []bank.Institution
	for _, in := range b.Institutions {
		if in.PlaidID != "" && slices.Contains(f.countries, in.Country) {
			list = append(list, in)
		}
	}
	return list
}

// serveInstitutions serves a page. Filters apply to the page, so that it may be shorter than count
// although more follow. total counts all of the countries.
func (b *Provider) serveInstitutions(r request) bank.Reply {
	f := filter{countries: readCountries(r)}
	count := r.integer("count", true, 0, 1, 500)
	offset := r.integer("offset", true, 0, 0, 1<<30)
	if o, ok := r.object.object("options", false, false); ok {
		readFilter(o, &f)
		readOAuth(o, &f)
		f.products, f.routing = readProductFilter(o), o.texts("routing_numbers", false, true, 0)
	}
	if p, bad := r.refusal(); bad {
		return p
	}
	all := f.of(b)
	list := []any{}
	for _, in := range all[min(offset, len(all)):min(offset+count, len(all))] {
		if f.passes(in) {
			list = append(list, b.institutionBody(in, f))
		}
	}
	return ok(map[string]any{"institutions": list, "total": len(all)})
}

func (b *Provider) serveInstitution(r request) bank.Reply {
	f := filter{countries: readCountries(r)}
	id := r.text("institution_id", true, false)
	if o, ok := r.object.object("options", false, false); ok {
		readFilter(o, &f)
		f.status, _ = o.flag("include_status")
	}
	if p, bad := r.refusal(); bad {
		return p
	}
	in, known := b.byID(id)
	if !known || !slices.Contains(f.countries, in.Country) {
		return refuse(noInstitution, "invalid institution_id provided")
	}
	return ok(map[string]any{"institution": b.institutionBody(in, f)})
}

func (b *Provider) searchInstitutions(r request) bank.Reply {
	f := filter{countries: readCountries(r), products: readProductFilter(r.object)}
	query := strings.ToLower(r.text("query", true, false))
	if o, ok := r.object.object("options", false, false); ok {
		readFilter(o, &f)
		readOAuth(o, &f)
		o.know("payment_initiation")
	}
	if p, bad := r.refusal(); bad {
		return p
	}
	list := []any{}
	for _, in := range f.of(b) {
		if f.passes(in) && strings.Contains(strings.ToLower(in.Name), query) && len(list) < maxFound {
			list = append(list, b.institutionBody(in, f))
		}
	}
	return ok(map[string]any{"institutions": list})
}

// institutionBody is an institution on the wire.
func (b *Provider) institutionBody(in bank.Institution, f filter) map[string]any {
	body := map[string]any{
		"institution_id": in.PlaidID, "name": in.Name, "products": append(productsOf(in), "balance"),
		"country_codes": []string{in.Country}, "routing_numbers": routingNumbers(in), "oauth": in.OAuth,
	}
	if f.optional {
		body["url"], body["primary_color"], body["logo"] = "https://"+in.Domain, "#1f4e79", nil
	}
	if f.status {
		status, success := "HEALTHY", 0.99
		switch {
		case b.Outages[in.Name] || in.Health == bank.Down:
			status, success = "DOWN", 0.01
		case in.Health == bank.Degraded:
			status, success = "DEGRADED", 0.6
		}
		health := map[string]any{
			"status": status, "last_status_change": instant(b.Now()),
			"breakdown": map[string]any{
				"success": success, "error_plaid": 0.005, "error_institution": 1 - success - 0.005,
				"refresh_interval": "NORMAL",
			},
		}
		state := map[string]any{"health_incidents": []any{}}
		for _, name := range []string{"item_logins", "transactions_updates", "auth", "identity"} {
			state[name] = health
		}
		for product, names := range map[string][]string{
			"investments": {"investments", "investments_updates"},
			"liabilities": {"liabilities", "liabilities_updates"},
		} {
			for _, name := range names {
				state[name] = nil
				if lacks(in, []string{product}) == "" {
					state[name] = health
				}
			}
		}
		body["status"] = state
	}
	return body
}
