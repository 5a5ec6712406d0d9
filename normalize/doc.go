// Package normalize translates responses of providers into the model of bankmux: error codes,
// amounts, days, times and tokens. It is for authors of adapters, including adapters outside this
// module. Each sub-package has the tables of one provider.
//
// It consists of tables and pure functions over plain values, and does no I/O. All of it is safe
// for concurrent use, and every call may be repeated.
//
// An adapter declares its error table once and classifies each failure with it:
//
//	var catalogue = normalize.NewCatalogue(
//		normalize.Row{Code: "consent_ended", Kind: bankmux.ErrReauth, Detail: "the consent ended"},
//		normalize.Row{Class: "bank", Kind: bankmux.ErrInstitution, Detail: "the bank is not available"},
//	)
package normalize
