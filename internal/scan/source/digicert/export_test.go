package digicert

// Pages makes pages so small that a test has several.
func (s *Source) Pages(n int) { s.perPage = n }
