package acme

// Held counts the challenge answers that are in place.
func (l *Listener) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}

// Held counts the challenge answers that are in place.
func (l *TLSListener) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}
