package webhook

// Kept is how many answers of the provider are kept.
func (k *Keys) Kept() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.kept)
}
