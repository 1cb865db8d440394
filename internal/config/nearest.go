package config

import (
	"slices"
	"strings"
)

// unknown is the problem of a key that no field has.
func unknown(parent, key string, known []string) problem {
	p := problem{path: join(parent, key)}
	if near := nearest(key, known); near != "" {
		p.meant = join(parent, near)
		p.text = " is not known; did you mean " + p.meant + "?"
		return p
	}
	if slices.Contains(known, "options") {
		p.text = " is not known; what belongs to the kind goes below " + join(parent, "options")
		return p
	}
	p.text = " is not known; known here: " + strings.Join(known, ", ")
	return p
}

func join(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

// nearest gives the known key that was most likely meant; empty if none is near.
func nearest(key string, known []string) string {
	key = strings.ReplaceAll(strings.ToLower(key), "-", "_")
	best, least := "", (len(key)+2)/3+1
	for _, k := range known {
		if d := distance(key, k); d < least {
			best, least = k, d
		}
	}
	if best != "" || len(key) < 3 {
		return best
	}
	if i := slices.IndexFunc(known, func(k string) bool { return strings.Contains(k, key) }); i >= 0 {
		return known[i]
	}
	return ""
}

// distance counts the letters to insert, remove, change or swap with their
// neighbour to make b of a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
