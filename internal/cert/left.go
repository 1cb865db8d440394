package cert

import (
	"fmt"
	"time"
)

// DaysLeft floors the time from now to notAfter to whole days of 24 hours;
// negative once it has passed.
func DaysLeft(now, notAfter time.Time) int {
	left := notAfter.Sub(now)
	days := int(left / (24 * time.Hour))
	if left < 0 && left%(24*time.Hour) != 0 {
		days--
	}
	return days
}

// Left is how far an end is, or how long it has passed, in the unit in which
// people count it: whole days, hours under two days, minutes under two hours.
// It is never more than what is true.
type Left struct {
	N      int
	Unit   time.Duration // 24h, 1h or 1m
	Passed bool
}

// LeftUntil says how far the end is at an instant.
func LeftUntil(now, end time.Time) Left {
	d := end.Sub(now)
	l := Left{Unit: 24 * time.Hour, Passed: d <= 0}
	switch d = d.Abs(); {
	case d < 2*time.Hour:
		l.Unit = time.Minute
	case d < 48*time.Hour:
		l.Unit = time.Hour
	}
	l.N = int(d / l.Unit)
	return l
}

// Short is one word for a table: 13d, 47h, 119m, expired.
func (l Left) Short() string {
	if l.Passed {
		return "expired"
	}
	return fmt.Sprintf("%d%c", l.N, l.word()[0])
}

// String is a clause: 13 days left, expired 2 hours ago.
func (l Left) String() string {
	text := fmt.Sprintf("%d %ss", l.N, l.word())
	switch {
	case l.N == 0:
		text = "less than a minute"
	case l.N == 1:
		text = "1 " + l.word()
	}
	if l.Passed {
		return "expired " + text + " ago"
	}
	return text + " left"
}

func (l Left) word() string {
	switch l.Unit {
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	}
	return "day"
}
