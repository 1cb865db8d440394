package alert

// success tells that a renewal went well: nothing is asked of anybody.
func (r reader) success(n Notice) Text {
	t := Text{
		Headline: r.say("renewed.headline", "certificate", n.Certificate, "expiry", r.expiry("left", n.Version, n.At)), Lines: []Line{},
		Places: List{r.say("title.places"), r.places(n)}, Link: n.Link, LinkLabel: r.say("label.link"), Buttons: map[Action]string{}, Footer: r.say("footer.summary", "id", n.AlertID),
	}
	t.Subject = r.say("subject.renewed", "headline", t.Headline)
	for _, l := range []Line{
		{"names", r.names(n.Names)}, {"replacement", r.say("version", "fingerprint", n.Version.Fingerprint.Short(), "time", r.both(n.Version.NotAfter))},
		{"ca", n.Version.CA}, {"issuer", n.Version.Issuer}, {"owner", n.Owner}, {"team", n.Team}, {"environment", n.Environment}, {"evidence", n.Evidence},
	} {
		if l.Value != "" {
			t.Lines = append(t.Lines, Line{r.say("label." + l.Label), l.Value})
		}
	}
	return t
}

// renewedOnly reports whether a message about many tells of renewals only.
func renewedOnly(s *Summary) bool {
	for _, row := range s.Rows {
		if row.Reason != Renewed {
			return false
		}
	}
	return len(s.Rows) > 0
}
