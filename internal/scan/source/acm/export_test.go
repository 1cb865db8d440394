package acm

// Pages makes pages so small that a test has several.
func (s *Source) Pages(n int32) { s.perPage = n }
