package webhook

import "context"

// FetchAsTwo lets two callers look for a key before either fetches it.
func (k *Keys) FetchAsTwo(ctx context.Context, id string) [2]error {
	name, scope := keyName{id, ES256}, ""
	if k.each {
		scope = id
	}
	_, first, _, _ := k.lookup(scope, name)
	_, second, _, _ := k.lookup(scope, name)
	return [2]error{k.refresh(ctx, scope, first), k.refresh(ctx, scope, second)}
}

// Kept is how many answers of the provider are kept.
func (k *Keys) Kept() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.kept)
}
