package estate

// Unasked are the issuances that no enrolled certificate has, and that were not
// compared with all that was ever issued here: the one before, the one that is not
// live yet, what was retired.
func (m *Manifest) Unasked(all []Enrolled) map[Key]bool {
	known := newRegister(all)
	out := map[Key]bool{}
	for _, p := range m.Places {
		if p.Issued && !p.Asked && p.There() && known.owner(p) == nil {
			out[p.Holds] = true
		}
	}
	return out
}

// Answer takes in that these issuances were compared, and for which certificates
// some of them were issued here.
func (m *Manifest) Answer(asked map[Key]bool, ours map[Key]string) {
	for i := range m.Places {
		if p := &m.Places[i]; p.Issued && asked[p.Holds] {
			p.Asked, p.Ours = true, ours[p.Holds]
		}
	}
}
