//go:build race

package lifecycle

func init() { histories /= 8 }
