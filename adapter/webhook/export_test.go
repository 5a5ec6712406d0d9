package webhook

import "context"

// FetchAsTwo lets two callers look for a key before either fetches it.
func (k *Keys) FetchAsTwo(ctx context.Context, id string) [2]error {
	name, book := keyName{id, ES256}, ""
	if k.each {
		book = id
	}
	_, first, _, _ := k.look(book, name)
	_, second, _, _ := k.look(book, name)
	return [2]error{k.wait(ctx, book, first), k.wait(ctx, book, second)}
}

// Kept is how many answers of the provider are kept.
func (k *Keys) Kept() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.kept)
}
